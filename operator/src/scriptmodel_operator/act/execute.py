"""Carries out actions through the gateway, in order. Blocking."""

from collections.abc import Sequence

from scriptmodel_operator.act.actions import (
    Action,
    ApplyPipelines,
    CreateRepo,
    DeletePipeline,
    DeleteRepo,
    ReplaceFiles,
    StartPipeline,
    StopJob,
    StopPipeline,
)
from scriptmodel_operator.engine.gateway import Gateway

PUT_SECONDS = 30.0


def execute(gateway: Gateway, actions: Sequence[Action]) -> None:
    """Raise EngineError at the first action that fails; the next snapshot shows what was done before it."""
    for action in actions:
        match action:
            case ApplyPipelines(changes):
                gateway.apply_pipelines([change.apply for change in changes])
            case StartPipeline(ref):
                gateway.start_pipeline(ref)
            case StopPipeline(ref):
                gateway.stop_pipeline(ref)
            case StopJob(ref, why):
                gateway.stop_job(ref, why)
            case DeletePipeline(ref, keep_repo):
                gateway.delete_pipeline(ref, keep_repo=keep_repo)
            case CreateRepo(ref, description, adopt):
                gateway.create_repo(ref, description, update=adopt)
            case ReplaceFiles(branch, files, gone, copies):
                contents = ((path, [content]) for path, content in sorted(files.items()))
                gateway.replace_files(branch, contents, gone, PUT_SECONDS, copies)
            case DeleteRepo(ref):
                gateway.delete_repo(ref)
