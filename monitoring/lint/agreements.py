"""Checks what no program of one file can see: that the files of deploy/ and monitoring/ agree with each other.

Prints one line a finding, beginning with the file; the exit code is 1 when there is one.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import yaml
from logstash_pipeline_parser import Pipeline
from logstash_pipeline_parser.tree import ParseError

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPOSE = "deploy/compose.yaml"
COLLECTOR = "monitoring/otel-collector/config.yaml"
ALLOY = "monitoring/alloy/config.alloy"
FILEBEAT = "monitoring/filebeat/filebeat.yml"
LOGSTASH = "monitoring/logstash/pipeline/champion.conf"
PIPELINES = "monitoring/logstash/pipelines.yml"
TEMPLATE = "monitoring/elasticsearch/index-template.json"
SECRETS = "deploy/compose/make-secrets.sh"
THRESHOLDS = "monitoring/thresholds.toml"
LABELS = {"service", "level", "environment"}
# No image of these holds a program that could ask for its health.
WITHOUT_CHECK = {"otel-collector"}
# Root, for what the comments in the file say.
ROOT_USERS = {"docker-socket-proxy", "filebeat"}
# They end by themselves.
ONE_SHOT = {"cli", "elasticsearch-setup"}
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}

Document = dict[str, Any]


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def seconds(duration: str) -> float:
    """A duration as Go and Prometheus write it: 90s, 1m30s."""
    parts = re.findall(r"(\d+)(ms|s|m|h|d)", duration)
    return sum(int(number) * UNITS[unit] for number, unit in parts)


def composed() -> dict[str, Document]:
    """The services as Compose itself understands them."""
    program = pathlib.Path(sys.executable).parent / "docker-compose"
    command = [str(program), "--file", str(ROOT / COMPOSE), "--profile", "*", "config", "--format", "json"]
    services: dict[str, Document] = json.loads(subprocess.check_output(command))["services"]
    return services


def containers(services: dict[str, Document]) -> Iterator[str]:
    """Every container: pinned, limited, without rights it does not need, watched."""
    for name, service in services.items():
        if not re.search(r":v?\d+(\.\d+){2,3}$", service["image"]):
            yield f"{name}: the image {service['image']} is not pinned to a version"
        if "ALL" not in service.get("cap_drop", []) or "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name}: cap_drop ALL and no-new-privileges are missing"
        if not service.get("user") or (service["user"].startswith("0") and name not in ROOT_USERS):
            yield f"{name}: runs as root or as nobody in particular"
        if not {"cpus", "memory"} <= service.get("deploy", {}).get("resources", {}).get("limits", {}).keys():
            yield f"{name}: no limit of CPU and memory"
        check = service.get("healthcheck", {})
        if not check.get("test") and name not in WITHOUT_CHECK | ONE_SHOT:
            yield f"{name}: no health check"
        if not service.get("logging", {}).get("options", {}).get("max-size"):
            yield f"{name}: its log can fill the disk"
        for port in service.get("ports", []):
            if port.get("host_ip") != "127.0.0.1":
                yield f"{name}: port {port['target']} is open to other machines"
        for volume in service.get("volumes", []):
            source = pathlib.Path(volume["source"])
            if volume["type"] == "bind" and ROOT in source.parents and not source.exists():
                yield f"{name}: mounts {source.relative_to(ROOT)}, which does not exist"


def limits(services: dict[str, Document]) -> Iterator[str]:
    """The alerts on memory and CPU are shares of the limits of the containers."""
    thresholds = tomllib.loads(text(THRESHOLDS))
    memory, cores = thresholds["memory"]["limit_bytes"], thresholds["cpu"]["cores"]
    for name in thresholds["services"]["required"]:
        limit = services[name]["deploy"]["resources"]["limits"]
        if int(limit["memory"]) != memory:
            yield f"{name}: {limit['memory']} bytes of memory, {THRESHOLDS} says {memory}"
        if abs(float(limit["cpus"]) * 0.85 - cores) > 0.001:
            yield f"{name}: {limit['cpus']} CPUs, of which 85 % are not the {cores} of {THRESHOLDS}"


def secrets(services: dict[str, Document]) -> Iterator[str]:
    """A secret that a configuration reads is handed to its container, and made by the script."""
    script = text(SECRETS)
    for name, service in services.items():
        given = {secret["source"] for secret in service.get("secrets", [])}
        for secret in sorted(given):
            if not re.search(rf"\b{re.escape(secret)}\b", script):
                yield f"{name}: {SECRETS} does not make the secret {secret}"
        mounted = [pathlib.Path(volume["source"]) for volume in service.get("volumes", []) if volume["type"] == "bind"]
        files = [file for path in mounted if ROOT in path.parents for file in (path, *path.rglob("*"))]
        named = set()
        for file in files:
            if file.is_file() and file.suffix in {".yml", ".yaml", ".sh", ".conf", ".alloy"}:
                code = re.sub(r"(?m)^\s*#.*$", "", file.read_text(encoding="utf-8"))
                named |= set(re.findall(r"/run/secrets/([\w.]+)", code))
        for secret in sorted(named - given):
            yield f"{name}: its configuration reads the secret {secret}, which it is not given"


def collector(services: dict[str, Document]) -> Iterator[str]:
    """What the pipelines name is declared, what is declared is used, in an order that keeps the memory."""
    config = yaml.safe_load(text(COLLECTOR))
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in config["service"]["pipelines"].values() for name in pipeline[kind]}
        for name in sorted(used ^ config[kind].keys()):
            yield f"{kind}: {name} is {'not declared' if name in used else 'not used'}"
    if set(config["service"]["extensions"]) != config["extensions"].keys():
        yield "extensions: declared and used ones differ"
    for name, pipeline in config["service"]["pipelines"].items():
        if pipeline["processors"][0] != "memory_limiter" or pipeline["processors"][-1] != "batch":
            yield f"pipeline {name}: memory_limiter comes first and batch last"
    limit = int(services["otel-collector"]["deploy"]["resources"]["limits"]["memory"])
    if config["processors"]["memory_limiter"]["limit_mib"] * 2**20 >= 0.9 * limit:
        yield f"memory_limiter: no room below the container's {limit} bytes"
    sampling = config["processors"]["tail_sampling"]
    policies = {policy["type"]: policy for policy in sampling["policies"]}
    if policies.get("status_code", {}).get("status_code") != {"status_codes": ["ERROR"]}:
        yield "tail_sampling: no policy keeps the failures"
    slow = policies["latency"]["latency"]["threshold_ms"] / 1000
    floor = seconds(tomllib.loads(text(THRESHOLDS))["duration"]["floor"])
    if slow != floor:
        yield f"tail_sampling: slow is {slow} s, [duration] floor of {THRESHOLDS} is {floor} s"
    # Otherwise a run that is longer than the wait could be judged before it can be called slow.
    if seconds(sampling["decision_wait"]) < 2 * slow:
        yield "tail_sampling: decision_wait is less than twice the threshold of a slow run"


def shippers(services: dict[str, Document]) -> Iterator[str]:
    """Both shippers pick the containers by the label that Champion's services carry, and no others do."""
    labelled = {name for name, service in services.items() if service.get("labels", {}).get("champion_logs") == "json"}
    ours = {name for name, service in services.items() if service["image"].startswith("champion/")}
    for name in sorted(labelled ^ ours):
        yield f"{name}: the label champion_logs belongs to all services of Champion and to no others"
    if '"champion_logs=json"' not in text(ALLOY):
        yield f"{ALLOY}: does not look for the label champion_logs"
    if "docker.container.labels.champion_logs: json" not in text(FILEBEAT):
        yield f"{FILEBEAT}: does not look for the label champion_logs"


def alloy(_: dict[str, Document]) -> Iterator[str]:
    """Every component that is named exists, every one that exists is named; no label beyond the three."""
    code = re.sub(r"(?m)(^|\s)//.*$", "", text(ALLOY))
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', code)
    for opening, closing in ("{}", "[]", "()"):
        if bare.count(opening) != bare.count(closing):
            yield f"{opening} and {closing} are not in balance"
    declared = {".".join(pair) for pair in re.findall(r'(?m)^([a-z_.]+) "(\w+)" \{', code)}
    named = set(re.findall(r"\b((?:discovery|local|loki)\.[a-z_.]+\.champion)\.\w+", code))
    for component in sorted(named - declared):
        yield f"{component} is not declared"
    ends = {component for component in declared if component.startswith("loki.source.")}
    for component in sorted(declared - named - ends):
        yield f"{component} is declared and not used"
    kept = re.search(r"stage\.label_keep \{\s*values = \[([^\]]*)\]", code)
    if kept is None or set(re.findall(r'"(\w+)"', kept.group(1))) != LABELS:
        yield f"stage.label_keep must keep exactly {sorted(LABELS)}"


def elastic(_: dict[str, Document]) -> Iterator[str]:
    """What Logstash writes at the top can be searched: the mappings take up nothing by themselves."""
    mapped = json.loads(text(TEMPLATE))["template"]["mappings"]["properties"].keys()
    try:
        tree = Pipeline(text(LOGSTASH)).parse()
    except ParseError as error:
        yield f"{LOGSTASH}: no pipeline: {str(error).splitlines()[-2]}"
        return

    def renames(node: Any) -> Iterator[str]:
        if isinstance(node, list):
            if len(node) == 2 and node[0] == "rename":
                yield from (pair[1][0] for pair in node[1][0])
            for child in node:
                yield from renames(child)

    written = {field for field in renames(tree) if "[" not in field}
    if not written:
        yield f"{LOGSTASH}: no field is renamed"
    for field in sorted(written - mapped):
        yield f"{LOGSTASH} writes {field}, which has no mapping"
    if "manage_template" in text(LOGSTASH) or "ecs_compatibility: disabled" in text(PIPELINES):
        yield f"{LOGSTASH}: a data stream is refused with manage_template, and without ecs_compatibility in {PIPELINES}"
    policy = json.loads(text(TEMPLATE))["template"]["settings"]["index"]["lifecycle"]["name"]
    if f"_ilm/policy/{policy} " not in text("monitoring/elasticsearch/setup.sh"):
        yield f"monitoring/elasticsearch/setup.sh does not lay down the lifecycle {policy}"


def main() -> int:
    try:
        services = composed()
    except subprocess.CalledProcessError:
        # Compose has said why.
        return 1
    checks = {
        COMPOSE: (containers, limits, secrets, shippers),
        COLLECTOR: (collector,),
        ALLOY: (alloy,),
        TEMPLATE: (elastic,),
    }
    findings = []
    for file, functions in checks.items():
        for function in functions:
            try:
                findings += [f"{file}: {finding}" for finding in function(services)]
            except (OSError, KeyError, IndexError, ValueError, yaml.YAMLError) as error:
                findings.append(f"{file}: {function.__name__}: {type(error).__name__}: {error}")
    print("\n".join(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
