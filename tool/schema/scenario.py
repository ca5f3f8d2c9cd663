# SPDX-License-Identifier: MIT
"""A scenario's configuration against the schemas of what it starts."""
import os

from runner import scenario

from .document import Failure, read
from .model import Checker


def problems(wanted, schemas):
    """What is wrong with the configuration of a scenario (runner/scenario.py), as lines."""
    modules = dict(wanted.module_list())
    if not wanted.core or "config" not in modules or not modules.get("init", "").endswith("bin/init"):
        return []
    path = wanted.find(modules["config"])
    if path is None:
        return [f"{wanted.folder}: there is no {modules['config']}"]

    def component_of(binary):
        """Modules are called like their component, or the file in scenario.json tells; others are of no component."""
        file = modules.get(binary)
        return os.path.basename(file) if file and os.path.dirname(file) == "bin" else None

    checker = Checker(schemas, path, component_of)
    try:
        root = read(os.path.join(scenario.ROOT, path), path)
    except Failure as failure:
        return [str(failure)]
    if root.name != "config":
        return [f"{path}:{root.line}: {root}: the root node must be <config>"]
    checker.config(root, "init")
    return checker.problems
