"""What the chart says of itself: its values, from the comments in values.yaml, and what Artifact Hub shows."""

import yaml

from dev.paths import ROOT
from dev.release.source import CHART
from scriptmodel_operator.api.objects import parse_object


def test_artifact_hub_shows_the_images_and_the_crd_of_the_chart() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    said = {name.partition("/")[2]: yaml.safe_load(text) for name, text in about["annotations"].items()}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    parts = (values["image"], values["trainer"]["image"], values["storage"]["server"]["image"])
    assert [each["image"].rpartition("/")[2] for each in said["images"]] == [
        f"{part['repository']}:{about['appVersion']}" for part in parts
    ]
    definition = yaml.safe_load((ROOT / "manifests/crd.yaml").read_text())
    (crd,) = said["crds"]
    assert (crd["name"], crd["kind"]) == (definition["metadata"]["name"], definition["spec"]["names"]["kind"])
    assert crd["version"] in [version["name"] for version in definition["spec"]["versions"]]
    for example in said["crdsExamples"]:
        example["metadata"] |= {"namespace": "plays", "uid": "1", "generation": 1}
        assert parse_object(example).name == "shakespeare"
    assert {change["kind"] for change in said["changes"]} <= {
        "added",
        "changed",
        "deprecated",
        "removed",
        "fixed",
        "security",
    }
