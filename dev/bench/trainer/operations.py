"""Counts the operations of a training step: each costs a few microseconds besides its arithmetic."""

from __future__ import annotations

from tensorflow.python.eager import context

from scriptmodel_trainer.training.graph import TrainingGraph

_NOT_COMPUTED = ("Const", "_Arg")


def operations(graph: TrainingGraph) -> int:
    """Train on one window, and return the number of operations in the graph that TensorFlow executed for it.

    That is the graph after TensorFlow's optimisation, without constants and arguments. Its loop over windows contains
    the step, and a few dozen operations are the loop's own.
    """
    runtime = context.context()
    runtime.enable_graph_collection()
    try:
        graph.run(0, 0, [0.001])
        executed = runtime.export_run_metadata()
    finally:
        runtime.disable_graph_collection()
    graphs = [part for function in executed.function_graphs for part in function.partition_graphs]
    return max(sum(node.op not in _NOT_COMPUTED for node in part.node) for part in graphs)
