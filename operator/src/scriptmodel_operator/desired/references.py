"""References to a ScriptModel's objects in Pachyderm. Pure; made once a reconcile (`ModelView.refs`) and passed on."""

from dataclasses import dataclass

from scriptmodel_operator.api.names import pachyderm_names
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.engine.values import BranchRef, PipelineRef, RepoRef

OWN_BRANCH = "master"


@dataclass(frozen=True, slots=True)
class References:
    train: PipelineRef
    generate: PipelineRef
    own_corpus: RepoRef
    """Holds the corpus if spec.corpus names no repo."""
    own_base: RepoRef
    """Holds copies of the models that training starts from, one in each branch."""
    own_trials: RepoRef
    """Holds what each of many runs trains, one in each folder."""
    corpus: BranchRef
    searches: bool = False
    """Whether training is many runs."""
    base: BranchRef | None = None
    """The branch of `own_base` that training starts from, once it exists."""

    @property
    def own_branch(self) -> BranchRef:
        return BranchRef(self.own_corpus, OWN_BRANCH)

    @property
    def trials(self) -> BranchRef:
        return BranchRef(self.own_trials, OWN_BRANCH)

    @property
    def model(self) -> BranchRef:
        """The branch that generation reads: the output of training."""
        return BranchRef(self.train.output, "master")


def references(model: ScriptModel) -> References:
    project, repo = model.spec.pachyderm.project, model.spec.corpus.repo
    names = pachyderm_names(*model.key, project)
    own = RepoRef(project, names["corpus"])
    corpus = BranchRef(own, OWN_BRANCH) if repo is None else BranchRef(RepoRef(repo.project, repo.name), repo.branch)
    return References(
        train=PipelineRef(project, names["train"]),
        generate=PipelineRef(project, names["generate"]),
        own_corpus=own,
        own_base=RepoRef(project, names["base"]),
        own_trials=RepoRef(project, names["trials"]),
        corpus=corpus,
        searches=model.spec.search is not None,
    )
