"""Hostile jobs: they fail with a reason and cannot read the files of other jobs."""

import stat
from pathlib import Path

import pytest
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from tests.contract.serving import serving
from tests.unit.localpach.client import Client, Name, job, sh, until


@pytest.mark.parametrize(
    "script",
    [
        "rm -rf /pfs/out",
        "rm -rf /pfs/out; echo x > /pfs/out",
        "rm -rf /pfs/out; ln -s in /pfs/out",
        "rm -rf /pfs/out; ln -s / /pfs/out",
        "rm -rf /pfs/*",
    ],
)
def test_output_that_is_not_a_folder_fails_the_datum(client: Client, name: Name, corpus: str, script: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh(script), corpus, datum_tries=2)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    cause = "cannot upload /pfs/out: the command removed it, or replaced it by a link or a file"
    assert f"try 2 of 2 failed: {cause}" in client.lines(train, uuid, user=False)


@pytest.mark.parametrize(
    ("script", "path"),
    [
        ("ln -s /etc/hostname /pfs/out/link", "/link"),
        ("ln -s /pfs/../../../snapshot.json /pfs/out/link", "/link"),
        ("mkdir /pfs/out/d; ln -s /etc /pfs/out/d/all", "/d/all"),
        (r"""ln -s /pfs/in/a.txt "$(printf '/pfs/out/\377')" """, r"/\xff"),
    ],
)
def test_a_link_in_the_output_fails_the_datum(client: Client, name: Name, corpus: str, script: str, path: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh(script), corpus, datum_tries=1)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    assert client.lines(train, uuid) == [f"cannot upload {path}: it is a link. Copy the file instead"]
    assert client.paths(train, uuid) == []


def test_an_input_whose_name_is_too_long_for_the_file_system_fails_the_datum(client: Client, name: Name) -> None:
    corpus, train, long = name("corpus"), name("train"), "x" * 300
    client.create_repo(corpus)
    client.put(corpus, {f"/{long}": b"x"})
    uuid = client.create_pipeline(train, sh("true"), corpus, datum_tries=1)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    reason = f"File name too long, rename it in its repo: /pfs/in/{long}"
    assert f"try 1 of 1 failed: {reason}" in client.lines(train, uuid, user=False)
    assert client.lines(train, uuid) == [reason]


def test_a_job_whose_input_was_deleted_by_force_ends_with_the_reason(client: Client, name: Name, corpus: str) -> None:
    train, generate = name("train"), name("generate")
    client.create_pipeline(train, sh("sleep 600"), corpus)
    uuid = client.create_pipeline(generate, sh("true"), train)
    client.job_in(generate, uuid, pps.JOB_STARTING)
    client.pps.DeletePipeline(pps.DeletePipelineRequest(pipeline=job(train, "").pipeline, force=True))
    info = client.finished_job(generate, uuid)
    assert info.state == pps.JOB_UNRUNNABLE
    # A deleted pipeline is stopped first, so the job may see its input fail before it is gone.
    assert info.reason.startswith(("unrunnable because an input was deleted", "unrunnable because the following"))


def test_stopping_a_job_stops_the_upload_of_its_output(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("truncate -s 200G /pfs/out/sparse; echo written"), corpus, datum_tries=1)
    client.job_in(train, uuid, pps.JOB_RUNNING)
    until(lambda: "written" in client.lines(train, uuid) or None)
    client.pps.StopJob(pps.StopJobRequest(job=job(train, uuid), reason="enough"))
    assert client.finished_job(train, uuid).state == pps.JOB_KILLED
    after = client.create_pipeline(train, sh("echo done > /pfs/out/next"), corpus, update=True, reprocess=True)
    assert client.finished_job(train, after).state == pps.JOB_SUCCESS


def test_the_data_are_readable_by_its_owner_only(tmp_path: Path) -> None:
    new, existing = tmp_path / "new", tmp_path / "existing"
    existing.mkdir(mode=0o755)
    for root in (new, existing):
        with serving(root):
            assert [path.name for path in root.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    assert stat.S_IMODE(new.stat().st_mode) == 0o700
    assert stat.S_IMODE(existing.stat().st_mode) == 0o755


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="this kernel has no process namespaces")
def test_a_job_cannot_see_files_and_processes_of_other_jobs(tmp_path: Path) -> None:
    with serving(tmp_path / "root", "--isolation", "namespace") as server:
        client = Client(server.address)
        client.create_repo("secret")
        client.put("secret", {"/key.txt": b"for one pipeline only\n"})
        client.create_repo("other")
        client.put("other", {"/x.txt": b"x\n"})
        first = client.create_pipeline("owner", sh("echo ready; sleep 600"), "secret")
        client.job_in("owner", first, pps.JOB_RUNNING)
        until(lambda: "ready" in client.lines("owner", first) or None)
        spy = (
            "cat /proc/[0-9]*/root/pfs/in/key.txt 2>/dev/null; "
            f"grep -rs 'for one pipeline only' {tmp_path}/root >/dev/null && echo found; "
            "ls -d /proc/[0-9]* | wc -l; ls /proc/self >/dev/null && echo over"
        )
        second = client.create_pipeline("spy", sh(spy), "other", datum_tries=1)
        client.finished_job("spy", second)
        lines = client.lines("spy", second)
        assert lines[-1] == "over"
        assert "for one pipeline only" not in lines
        assert "found" not in lines
        assert int(lines[-2]) < 10, "only its own processes"
