"""Search and promotion together."""

from tests.unit.operator.search.worlds import RANDOM, search, search_world, select
from tests.unit.operator.world import PLAYS


def test_a_search_whose_best_model_does_not_improve_is_held_back() -> None:
    gated = {**RANDOM, "promotion": {"minImprovement": "0.5"}}
    world = search_world(gated)
    search(world)
    script = world.model.status["lineage"]["script"]
    world.pachyderm.put(world.corpus, {**PLAYS, "/lear.txt": b"LEAR: Nothing will come of nothing.\n"})
    search(world, {"0001": 0.9})
    assert world.ready == ("True", "HeldBack")
    assert world.model.status["lineage"]["script"] == script
    assert world.model.status["promotion"]["figure"] == "0.9000"
    world.want({"promotion": {"minImprovement": "0.5"}})
    world.pachyderm.metrics["validation"] = {"digest": "one text", "nats_per_character": 0.8}
    search(world)
    assert world.ready == ("True", "HeldBack")
    assert select(world) in world.pachyderm.pipelines, "its model is that of the script"
