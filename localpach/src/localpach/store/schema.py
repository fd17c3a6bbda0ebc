"""The database tables. `VERSION` changes with them; a store of another version is refused."""

VERSION = 4

METADATA = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
-- The number of committed changes.
CREATE TABLE generation (number INTEGER NOT NULL) STRICT;
INSERT INTO generation VALUES (0);

CREATE TABLE projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE repos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    description TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (project, name, type)
) STRICT;

CREATE TABLE branches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo INTEGER NOT NULL REFERENCES repos (id),
    name TEXT NOT NULL,
    head INTEGER NOT NULL,
    UNIQUE (repo, name)
) STRICT;
CREATE INDEX branches_head ON branches (head);

CREATE TABLE branch_provenance (
    branch INTEGER NOT NULL,
    provenance INTEGER NOT NULL,
    PRIMARY KEY (branch, provenance)
) STRICT, WITHOUT ROWID;
CREATE INDEX branch_subvenance ON branch_provenance (provenance);

-- `files_since_total` counts the rows of `files` between this commit and the nearest total below it.
CREATE TABLE commits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo INTEGER NOT NULL REFERENCES repos (id),
    uuid TEXT NOT NULL,
    branch TEXT NOT NULL,
    origin INTEGER NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    parent INTEGER,
    started INTEGER NOT NULL,
    finishing INTEGER,
    finished INTEGER,
    error TEXT NOT NULL DEFAULT '',
    details INTEGER NOT NULL DEFAULT 0,
    size INTEGER,
    compacting INTEGER,
    validating INTEGER,
    files_since_total INTEGER NOT NULL DEFAULT 0,
    UNIQUE (repo, uuid)
) STRICT;
CREATE INDEX commits_uuid ON commits (uuid);
CREATE INDEX commits_parent ON commits (parent);

CREATE TABLE commit_provenance (
    commit_id INTEGER NOT NULL,
    provenance INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (commit_id, provenance)
) STRICT, WITHOUT ROWID;
CREATE INDEX commit_subvenance ON commit_provenance (provenance);

-- The changes of a commit: `cut` deletes the previous content, then `parts` (if not NULL) are appended.
CREATE TABLE files (
    commit_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    cut INTEGER NOT NULL,
    parts BLOB,
    PRIMARY KEY (commit_id, key)
) STRICT, WITHOUT ROWID;

-- All files of some finished commits, so that every commit has a close ancestor with a total.
CREATE TABLE totals (
    commit_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    parts BLOB NOT NULL,
    PRIMARY KEY (commit_id, key)
) STRICT, WITHOUT ROWID;

-- Temporary file sets, created by CreateFileSet.
CREATE TABLE filesets (id TEXT PRIMARY KEY, expires INTEGER NOT NULL) STRICT;
CREATE TABLE fileset_files (
    fileset TEXT NOT NULL,
    key TEXT NOT NULL,
    cut INTEGER NOT NULL,
    parts BLOB,
    PRIMARY KEY (fileset, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE pipelines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    spec_commit TEXT NOT NULL,
    state INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    stopped INTEGER NOT NULL,
    parallelism INTEGER NOT NULL,
    info BLOB NOT NULL,
    UNIQUE (project, name, version)
) STRICT;

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    uuid TEXT NOT NULL,
    version INTEGER NOT NULL,
    branch TEXT NOT NULL,
    state INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    restart INTEGER NOT NULL DEFAULT 0,
    processed INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    stats BLOB NOT NULL DEFAULT x'',
    created INTEGER NOT NULL,
    started INTEGER,
    finished INTEGER,
    UNIQUE (project, pipeline, uuid)
) STRICT;
CREATE INDEX jobs_uuid ON jobs (uuid);

-- The datums of a job, stored with its meta commit so that later jobs can skip them.
CREATE TABLE datums (
    commit_id INTEGER NOT NULL,
    datum TEXT NOT NULL,
    hash TEXT NOT NULL,
    job TEXT NOT NULL,
    state INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    stats BLOB NOT NULL DEFAULT x'',
    inputs BLOB NOT NULL,
    PRIMARY KEY (commit_id, datum)
) STRICT, WITHOUT ROWID;

CREATE TABLE transactions (
    id TEXT PRIMARY KEY,
    started INTEGER NOT NULL,
    version INTEGER NOT NULL,
    info BLOB NOT NULL
) STRICT;
"""

CONTENT = """
-- The newest generation of the metadata; metadata with a lower one has lost acknowledged changes.
CREATE TABLE generation (number INTEGER NOT NULL) STRICT;
INSERT INTO generation VALUES (0);
CREATE TABLE small (digest BLOB PRIMARY KEY, data BLOB NOT NULL) STRICT, WITHOUT ROWID;
-- The digest of a content that is stored in several parts, by the digest of the list of its parts.
CREATE TABLE joined (parts BLOB PRIMARY KEY, digest BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
