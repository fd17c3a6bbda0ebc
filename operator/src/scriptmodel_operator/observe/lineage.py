"""Finds out what models and scripts were made from, by the provenance of their commits."""

from dataclasses import dataclass, replace

from scriptmodel_operator.api.marks import Mark, mark_of
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.references import References
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import JobInfo, RepoRef, commit_of
from scriptmodel_operator.observe.results import Place, Provenance, Results
from scriptmodel_operator.observe.view import ModelCommits, PipelineView, WrittenScript


@dataclass(frozen=True, slots=True)
class Lineages:
    """The lineages of one object. Blocking; raises EngineError where a read fails."""

    results: Results
    refs: References

    def read_by(self, job: JobInfo) -> ModelCommits:
        """Return the commits that a train job reads."""
        return self.of_model((job.ref.pipeline.output, job.ref.id))

    def reported(self, job: JobInfo | None) -> ModelCommits | None:
        """Return the commits that a train job reads, with the details of the corpus commit."""
        made = self.read_by(job) if job else None
        if made is None or made.corpus is None or made.corpus_repo is None:
            return made
        return replace(made, corpus_info=self.results.commit(made.corpus_repo, made.corpus))

    def of_model(self, place: Place) -> ModelCommits:
        """Return the commits that a model was made from: corpus, and base model or runs, if any."""
        refs, provenance = self.refs, self.results.provenance(*place)
        known = (refs.own_base, refs.own_trials)
        source = _preferred(tuple(pair for pair in provenance if pair[0] not in known), refs.corpus.repo)
        return ModelCommits(
            model=place[1],
            repo=place[0],
            corpus=source[1] if source else None,
            corpus_repo=source[0] if source else None,
            base=any(repo == refs.own_base for repo, _commit in provenance),
            trials=next((commit for repo, commit in provenance if repo == refs.own_trials), ""),
        )

    def model_read(self, writer: JobInfo | None) -> str | None:
        """Return the model commit that a generate job reads; None unless it is of the current spec."""
        found = self._model_of(writer.ref.id) if writer else None
        return found[1] if found and found[0] == self.refs.model.repo else None

    def script(self, commit: str) -> WrittenScript | None:
        model, output = self._model_of(commit), self.refs.generate.output
        if model is None:
            return None
        script = self.results.script(output, commit)
        folder = script.model_folder if script else ""
        made = replace(self.of_model(model), folder=folder)
        return WrittenScript(commit, script, made, self.results.metrics(*model, folder))

    def kept_script(self, model: ScriptModel, newest: JobInfo | None) -> WrittenScript | None:
        """Return the script in the status; None if it is the newest one, has no text, or it or its model is gone."""
        output = self.refs.generate.output
        repo, commit = commit_of(model.previous.lineage.script or "")
        if repo != output or newest is None or commit == newest.ref.id:
            return None
        kept = self.script(commit)
        return kept if kept and kept.has_text else None

    def _model_of(self, commit: str) -> Place | None:
        return _preferred(self.results.provenance(self.refs.generate.output, commit), self.refs.model.repo)


def _preferred(provenance: Provenance, repo: RepoRef) -> Place | None:
    """Return the commit in `repo`; for a pipeline that once read another repo, the commit in that one."""
    return next((pair for pair in provenance if pair[0] == repo), next(iter(provenance), None))


def mark_of_job(gateway: Gateway, train: PipelineView, job: JobInfo) -> Mark | None:
    """Return the ownership annotation of the pipeline version that a job is of."""
    if job.version == train.info.version:
        return train.mark
    versions = gateway.list_pipeline_versions(train.info.ref)
    return next((mark_of(each.spec.annotations) for each in versions if each.version == job.version), None)
