"""Specs that the API server accepts or refuses."""

from typing import Any

import pytest

REPO = {"repo": {"name": "plays"}}


def by_url(*urls: str, **http: Any) -> dict[str, Any]:
    return {"corpus": {"http": {"urls": list(urls), **http}}}


def in_bucket(url: str, **bucket: Any) -> dict[str, Any]:
    return {"corpus": {"bucket": {"url": url, "secretRef": {"name": "plays"}, **bucket}}}


EPOCHS = {"name": "epochs", "categorical": {"values": ["1", "2"]}}
RATE = {"name": "learningRate", "logUniform": {"min": "0.002", "max": "0.02"}}


def searching(*parameters: Any, preset: str = "test", overrides: Any = None, **search: Any) -> dict[str, Any]:
    return {
        "corpus": REPO,
        "model": {"preset": preset, "overrides": overrides or {}},
        "search": {"parameters": list(parameters) or [RATE], **search},
    }


REFUSED = pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"corpus": None}, "spec.corpus: Required value"),
        ({"corpus": {}}, "name exactly one source of the corpus"),
        ({"corpus": {**REPO, "configMap": {"name": "x"}}}, "name exactly one source of the corpus"),
        ({"corpus": {"http": {}}}, "spec.corpus.http.urls: Required value"),
        (by_url(), "spec.corpus.http.urls"),
        (by_url("ftp://example.com/a.tar"), "spec.corpus.http.urls[0]"),
        (by_url("file:///etc/passwd"), "spec.corpus.http.urls[0]"),
        (by_url("https://me:word@example.com/a.tar"), "must not have a user or password in it"),
        (by_url(r"https://example.org\@example.com/a.tar"), "must not have a user or password in it"),
        (by_url("https://example.com/a", "https://example.com/b/a?c/d"), "two URLs have the same file name"),
        (by_url(*(f"https://example.com/{number}" for number in range(101))), "spec.corpus.http.urls: Too many"),
        (by_url("https://example.com"), "must be the address of a file, such as https://example.com/plays/hamlet.txt"),
        (by_url("https://example.com/plays/"), "must be the address of a file"),
        (by_url("http://:80/a.tar"), "must be the address of a file"),
        (by_url("https://exa mple.com/a.tar"), "must be the address of a file"),
        *(
            (by_url(f"http://{host}/a.tar"), "must have an IPv4 address in full, such as 192.0.2.1, as its host")
            for host in (
                "127.1",
                "127.1:80",
                "2130706433",
                "0x7f000001",
                "0x7f.1",
                "0177.0.0.1",
                "a.0X7F",
                "127.0.0.1.",
            )
        ),
        (by_url("https://example.com/" + 1024 * "a"), "spec.corpus.http.urls[0]: Too long"),
        (
            by_url("https://example.com/a", interval="0s"),
            'spec.corpus.http.interval: Invalid value: "string": must be more than 0',
        ),
        (by_url("https://example.com/a", interval="599s"), "must be at least 10m"),
        (in_bucket("https://plays"), "must be s3://BUCKET or s3://BUCKET/PATH"),
        (in_bucket("s3://b/shaw"), "with 3 to 63 of a-z, 0-9, . and - in BUCKET"),
        (in_bucket("s3://plays//shaw"), "must be s3://BUCKET or s3://BUCKET/PATH"),
        (in_bucket("s3://Plays/my shaw"), "must be s3://BUCKET or s3://BUCKET/PATH"),
        ({"corpus": {"bucket": {"url": "s3://plays"}}}, "spec.corpus.bucket.secretRef: Required value"),
        (in_bucket("s3://plays", interval="9m"), "must be at least 10m"),
        (by_url("https://example.com/a", interval="9m"), "must be at least 10m"),
        (by_url("https://example.com/a", interval="30m1h"), "must be a duration such as"),
        ({"corpus": {"configMap": {"name": "No Such"}}}, "name of lower case letters, digits, - and ."),
        ({"corpus": {"configMap": {"name": "a..b"}}}, "spec.corpus.configMap.name"),
        ({"corpus": {"repo": {"name": "a.b"}}}, "must be letters, digits, _ and -"),
        ({"corpus": {"repo": {"name": "plays", "branch": "a b"}}}, "must be letters, digits, _, - and /"),
        ({"corpus": {"repo": {"name": "plays", "project": "-a"}}}, "with a letter or digit first"),
        ({"corpus": {"repo": {"name": ""}}}, "spec.corpus.repo.name"),
        ({"corpus": {"repo": {}}}, "spec.corpus.repo.name: Required value"),
        ({"corpus": {**REPO, "layout": "yaml"}}, "spec.corpus.layout: Unsupported value"),
        ({"model": {"preset": "huge"}}, "spec.model.preset: Unsupported value"),
        ({"model": {"overrides": {"epochs": 0}}}, "spec.model.overrides.epochs"),
        (
            {"model": {"overrides": {"dropout": "1.5"}}},
            'spec.model.overrides.dropout: Invalid value: "string": must be at most 0.95',
        ),
        ({"model": {"overrides": {"dropout": "much"}}}, 'must be a number in quotes such as "0.8"'),
        ({"model": {"overrides": {"learningRate": "0"}}}, "must be above 0"),
        ({"model": {"overrides": {"learningRate": "0e-3"}}}, "must be above 0"),
        ({"model": {"overrides": {"learningRate": "1e-320"}}}, "must be a number in quotes"),
        ({"model": {"preset": "demo", "minutes": 30}}, "minutes needs preset: auto"),
        ({"model": {"preset": "auto", "minutes": 0}}, "spec.model.minutes"),
        ({"model": {"seed": -1}}, "spec.model.seed"),
        ({"model": {"from": {}}}, "name exactly one source of the base model"),
        ({"model": {"from": {"scriptModel": "a", "repo": {"name": "b"}}}}, "name exactly one source of the base model"),
        ({"model": {"from": {"scriptModel": "No Such"}}}, "spec.model.from.scriptModel"),
        ({"model": {"base": "../en"}}, "must be a name of lower case letters, digits and -"),
        ({"model": {"base": "en", "from": {"scriptModel": "a"}}}, "name one model to start from"),
        ({"model": {"from": {"repo": {"name": "a.b"}}}}, "spec.model.from.repo.name"),
        (searching(preset="auto"), "search needs a preset to vary"),
        (searching(parameters=[]), "spec.search.parameters"),
        (
            searching({"name": "beauty", "categorical": {"values": ["1"]}}),
            "spec.search.parameters[0].name: Unsupported",
        ),
        (searching({"name": "dropout"}), "give a parameter exactly one of uniform, logUniform, categorical"),
        (searching({"name": "dropout", "uniform": {}}), "spec.search.parameters[0].uniform.max: Required value"),
        (searching({"name": "dropout", "categorical": {"values": []}}), "spec.search.parameters[0].categorical.values"),
        (searching({"name": "dropout", "uniform": {"min": "0.5", "max": "0.5"}}), "min must be below max"),
        (searching({"name": "dropout", "uniform": {"min": "0.5", "max": "1"}}), "dropout must be at most 0.95"),
        (searching({"name": "learningRate", "logUniform": {"min": "0", "max": "1"}}), "must be above 0"),
        (
            searching({"name": "epochs", "categorical": {"values": ["2", "10001"]}}),
            "epochs must be whole numbers from 1 to 10000",
        ),
        (
            searching({"name": "epochs", "uniform": {"min": "1", "max": "1.5"}}),
            "epochs must be whole numbers from 1 to 10000",
        ),
        (searching(EPOCHS, EPOCHS), "each parameter must have a name of its own"),
        (searching(EPOCHS, overrides={"epochs": 1}), "a parameter of search must not be in model.overrides, too"),
        (searching(EPOCHS, numTrials=3), "numTrials must not be more than the combinations of all values"),
        (searching(RATE, algorithm="grid"), "a grid needs categorical parameters"),
        (searching(RATE, parallelTrials=9), "parallelTrials must not be more than numTrials x repeats"),
        ({"generation": {"words": 0}}, "spec.generation.words"),
        ({"generation": {"words": "many"}}, "spec.generation.words"),
        (
            {"generation": {"temperature": "11"}},
            'spec.generation.temperature: Invalid value: "string": must be at most 2',
        ),
        ({"generation": {"temperature": "automatic"}}, "must be a number in quotes such as"),
        ({"generation": {"temperature": 0.8}}, "spec.generation.temperature"),
        ({"generation": {"topP": "1.5"}}, 'spec.generation.topP: Invalid value: "string": must be at most 1'),
        ({"generation": {"topP": "0"}}, "must be above 0"),
        ({"generation": {"prompt": "To be\0"}}, "must be text without control characters"),
        ({"generation": {"prompt": 1001 * "a"}}, "spec.generation.prompt: Too long"),
        ({"generation": {"speaker": "HAMLET\n"}}, "must be one line without control characters"),
        ({"generation": {"cast": []}}, "spec.generation.cast"),
        ({"generation": {"cast": 21 * ["ANNA"]}}, "spec.generation.cast: Too many"),
        ({"generation": {"cast": ["ANNA,BEN"]}}, "must be a name without commas"),
        ({"generation": {"cast": [" "]}}, "must be a name without commas, control characters, or spaces"),
        ({"generation": {"cast": [""]}}, "spec.generation.cast[0]"),
        ({"generation": {"cast": [65 * "A"]}}, "spec.generation.cast[0]: Too long"),
        ({"generation": {"cast": ["any", "ANNA"]}}, "it cannot be combined with names"),
        ({"generation": {"scene": "INT.\nDAY"}}, "must be one line without control characters"),
        ({"generation": {"scene": 201 * "a"}}, "spec.generation.scene: Too long"),
        ({"generation": {"continue": {}}}, "spec.generation.continue.configMap: Required value"),
        (
            {"generation": {"continue": {"configMap": {"name": "x", "key": "a/b"}}}},
            "must be a key of letters, digits, -, _ and .",
        ),
        ({"generation": {"seed": 2**31}}, "spec.generation.seed"),
        ({"training": {"gpu": {"resource": "gpu"}}}, "name of a resource such as nvidia.com/gpu"),
        ({"training": {"resources": {"limits": {"memory": "lots"}}}}, "such as 512Mi or 4Gi"),
        ({"training": {"resources": {"limits": {"memory": "500m"}}}}, "such as 512Mi or 4Gi"),
        ({"training": {"resources": {"limits": {"cpu": -1}}}}, "such as 2, 0.5 or 500m, not -1"),
        ({"training": {"resources": {"requests": {"cpu": "2Gi"}}}}, "such as 2, 0.5 or 500m"),
        (
            {"training": {"resources": {"requests": {"cpu": 1}, "limits": {"cpu": "900m"}}}},
            "requests.cpu must not be more than limits.cpu",
        ),
        (
            {"training": {"resources": {"requests": {"memory": "1G"}, "limits": {"memory": "900Mi"}}}},
            "requests.memory must not be more than limits.memory",
        ),
        ({"training": {"activeDeadline": "soon"}}, "such as 90s, 30m, 6h or 1h30m, not soon"),
        ({"training": {"pendingDeadline": "0m"}}, "must be more than 0"),
        ({"training": {"nodeSelector": {"a b": "x", "c": "y"}}}, "each key must be that of a label such as"),
        ({"training": {"nodeSelector": {"Upper.case/x": "x"}}}, "each key must be that of a label"),
        ({"training": {"nodeSelector": {64 * "k": "x"}}}, "each key must be that of a label such as"),
        ({"training": {"nodeSelector": {"disk": "a b"}}}, "must be the value of a label"),
        ({"training": {"nodeSelector": {"disk": 64 * "v"}}}, "spec.training.nodeSelector.disk"),
        ({"training": {"tolerations": [{"key": "a b"}]}}, "must be the key of a taint such as"),
        ({"training": {"tolerations": [{"key": "/gpu"}]}}, "must be the key of a taint such as"),
        ({"training": {"tolerations": [{}]}}, "without a key, operator must be Exists"),
        ({"training": {"tolerations": [{"key": "gpu", "value": "-"}]}}, "must be the value of a label"),
        ({"training": {"tolerations": [{"operator": "Exists", "value": "x"}]}}, "value goes with operator Equal only"),
        (
            {"training": {"tolerations": [{"key": "gpu", "tolerationSeconds": 3}]}},
            "tolerationSeconds goes with effect NoExecute only",
        ),
        ({"training": {"queueName": "GPUs"}}, "spec.training.queueName"),
        ({"training": {"priorityClassName": "Very_High"}}, "spec.training.priorityClassName"),
        ({"training": {"runtimeClassName": "a.-b"}}, "name of lower case letters, digits, - and ."),
        ({"training": {"backoffLimit": 11}}, "spec.training.backoffLimit"),
        ({"training": {"tolerations": [{"operator": "Maybe"}]}}, "tolerations[0].operator"),
        ({"training": {"image": "no spaces allowed"}}, "must be the name of an image such as"),
        ({"training": {"image": "registry.example.com//trainer"}}, "must be the name of an image"),
        ({"training": {"image": "trainer:"}}, "must be the name of an image such as"),
        ({"training": {"image": "Trainer:1"}}, "must be the name of an image such as"),
        ({"training": {"image": "trainer@sha256:12"}}, "must be the name of an image such as"),
        ({"pachyderm": {"project": 21 * "a"}}, "spec.pachyderm.project: Too long"),
        ({"pachyderm": {"project": ""}}, "spec.pachyderm.project"),
        ({"pachyderm": {"project": "_team"}}, "with a letter or digit first"),
        ({"deletionPolicy": "Forget"}, "spec.deletionPolicy: Unsupported value"),
        ({"suspend": "yes"}, "spec.suspend"),
    ],
)
"""What differs from a spec whose corpus is REPO, and words of the refusal."""
TAKEN = pytest.mark.parametrize(
    "training",
    [
        {"image": "trainer"},
        {"image": "localhost:5000/team_a/trainer__x:v1.0-rc.1_2"},
        {"image": "Registry.example.com/a/b/c:1@sha256:" + 64 * "0"},
        {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "1024Mi"}}},
        {"resources": {"requests": {"cpu": "1500m", "memory": 900}, "limits": {"cpu": "1.5", "memory": "1k"}}},
        {"resources": {"requests": {"cpu": 8}, "limits": {"memory": "17179869184"}}},
        {
            "nodeSelector": {
                "disk": "",
                "cloud.google.com/gke-accelerator": "nvidia-tesla-t4",
                "a/" + 63 * "k": 63 * "v",
            }
        },
        {"nodeSelector": {f"example.com/label-{number}": "Yes_1.2-3" for number in range(32)}},
        {"tolerations": [{"operator": "Exists"}, {"key": "nvidia.com/gpu", "operator": "Exists"}, {"key": "a_B.c"}]},
        {"tolerations": [{"key": "gpu", "value": "a100", "effect": "NoExecute", "tolerationSeconds": 0}]},
        {"gpu": {"resource": "gpu.intel.com/i915"}, "priorityClassName": "a.b-c.d", "runtimeClassName": "nvidia"},
        {"pendingDeadline": "1d2h3m4s", "activeDeadline": "1s"},
    ],
)
