# SPDX-License-Identifier: MIT
"""What a schema file says, and checking a configuration against it."""
import re

from .document import Failure, read

LABEL_MAX = 159
COUNTS = {"one": (1, 1), "optional": (0, 1), "many": (1, None), "any": (0, None)}
KEYS = {
    "schema": {"component", "doc"}, "element": {"name", "count", "content", "doc"}, "group": {"name", "doc"},
    "attribute": {"name", "type", "doc", "required", "default", "min", "max", "multiple", "pattern", "values"},
    "use": {"group"}, "exactly-one": {"of"}, "at-most-one": {"of"},
}
FACETS = {"string": {"max", "pattern"}, "label": set(), "number": {"min", "max"}, "size": {"min", "max", "multiple"},
          "boolean": set(), "enum": {"values"}}
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def number(text, units=False):
    """The value, or None."""
    factor = 1
    if units and text[-1:] in UNITS:
        factor, text = UNITS[text[-1]], text[:-1]
    if not re.fullmatch(r"0[xX][0-9a-fA-F]+|[0-9]+", text):
        return None
    value = int(text, 0 if text[:2].lower() == "0x" else 10) * factor
    return value if value < 1 << 64 else None


class Attribute:
    def __init__(self, node):
        self.name, self.type, self.doc = node.get("name"), node.get("type"), node.get("doc", "")
        self.required, self.default = node.get("required") == "yes", node.get("default")
        self.facets = {key: node.get(key) for key in FACETS.get(self.type, ()) if node.get(key)}
        if self.type not in FACETS:
            raise ValueError(f"type must be one of {' '.join(FACETS)}")
        unknown = set(node.attributes) - {"name", "type", "doc", "required", "default"} - FACETS[self.type]
        if unknown:
            raise ValueError(f"{self.type} knows no {' '.join(sorted(unknown))}")
        if self.required and self.default is not None:
            raise ValueError("what is required needs no default")
        if self.default is not None and self.problem(self.default):
            raise ValueError(f'default="{self.default}" must be {self.problem(self.default)}')

    def expected(self):
        """What a value must be, in words."""
        facets = self.facets
        if self.type in ("number", "size"):
            low, high = facets.get("min"), facets.get("max")
            text = {"number": "a number", "size": "a size (like 64K or 512M)"}[self.type]
            if high:
                text += f" from {low or 0} to {high}" if low != high else f", and that is {low}"
            elif low:
                text += f" of at least {low}"
            return text + (f", a multiple of {facets['multiple']}" if "multiple" in facets else "")
        if self.type == "boolean":
            return "yes or no"
        if self.type == "enum":
            return "one of: " + " ".join(facets["values"].split())
        if self.type == "label":
            return f"a label: 1 to {LABEL_MAX} printable bytes"
        text = "a text"
        if "pattern" in facets:
            text += ", not empty," if facets["pattern"] == ".+" else f" like {facets['pattern']}"
        return text + (f" of at most {facets['max']} bytes" if "max" in facets else "")

    def problem(self, value):
        """None, or what was expected."""
        good = getattr(self, "good_" + self.type)(value)
        return None if good else self.expected()

    def in_range(self, value, units):
        facet = {key: number(text, True) for key, text in self.facets.items()}
        got = number(value, units)
        return got is not None and facet.get("min", 0) <= got <= facet.get("max", got) and \
            got % facet.get("multiple", 1) == 0

    def good_number(self, value):
        return self.in_range(value, False)

    def good_size(self, value):
        return self.in_range(value, True)

    def good_boolean(self, value):
        return value in ("yes", "true", "on", "no", "false", "off")

    def good_enum(self, value):
        return value in self.facets["values"].split()

    def good_label(self, value):
        return 0 < len(value.encode()) <= LABEL_MAX and value.isprintable()

    def good_string(self, value):
        return len(value.encode()) <= int(self.facets.get("max", len(value.encode()))) and \
            bool(re.fullmatch(self.facets.get("pattern", "(?s:.*)"), value))


class Element:
    """An element, or a group; what it uses is asked for by attributes() and elements()."""

    def __init__(self, node, schema):
        self.name, self.doc = node.get("name"), node.get("doc", "")
        self.count, self.content = node.get("count", "one" if node.name == "element" else ""), node.get("content", "")
        self.schema, self.own_attributes, self.own_elements, self.uses, self.choices = schema, [], [], [], []
        if not self.name:
            raise schema.wrong(node, "needs a name")
        if self.count and self.count not in COUNTS or self.content not in ("", "config", "free"):
            raise schema.wrong(node, f"count must be one of {' '.join(COUNTS)}, content config or free")
        for child in node.children:
            self.add(child)

    def add(self, node):
        unknown = set(node.attributes) - KEYS.get(node.name, set())
        if node.name not in ("element", "attribute", "use", "exactly-one", "at-most-one") or unknown:
            raise self.schema.wrong(node, f"unknown node or attribute: {' '.join(unknown) or node.name}")
        if node.name == "element":
            self.own_elements.append(Element(node, self.schema))
        elif node.name == "use":
            self.uses.append(node.get("group"))
        elif node.name == "attribute":
            try:
                self.own_attributes.append(Attribute(node))
            except ValueError as error:
                raise self.schema.wrong(node, str(error)) from error
        else:
            self.choices.append((node.name, node.get("of", "").split()))

    def parts(self, seen=()):
        """This and all that it uses."""
        found = [self]
        for name in self.uses:
            if name not in self.schema.groups:
                raise Failure(f"{self.schema.path}: there is no group '{name}'")
            if name not in seen:
                found += self.schema.groups[name].parts((*seen, name))
        return found

    def attributes(self):
        return [attribute for part in self.parts() for attribute in part.own_attributes]

    def elements(self):
        return [element for part in self.parts() for element in part.own_elements]


class Schema:
    """One component's. `names` are all elements and attributes besides <config>."""

    def __init__(self, node, path):
        self.path, self.component, self.doc = path, node.get("component"), node.get("doc", "")
        self.groups, self.config = {}, None
        if node.name != "schema" or not self.component or set(node.attributes) - KEYS["schema"]:
            raise self.wrong(node, 'must be <schema component="...">')
        for group in node.named("group"):
            self.groups[group.get("name")] = Element(group, self)
        roots = node.named("element")
        if len(roots) != 1 or roots[0].get("name") != "config" or len(roots) + len(self.groups) != len(node.children):
            raise self.wrong(node, 'must consist of <group> nodes and one <element name="config">')
        self.config = Element(roots[0], self)

    def wrong(self, node, text):
        return Failure(f"{self.path}:{node.line}: {node}: {text}")

    def all_elements(self):
        found, waiting = [], [self.config, *self.groups.values()]
        while waiting:
            element = waiting.pop(0)
            found.append(element)
            waiting += element.own_elements
        return found

    def names(self):
        elements = {element.name for element in self.all_elements()
                    if element is not self.config and element not in self.groups.values()}
        return elements | {attribute.name for element in self.all_elements() for attribute in element.own_attributes}


def load_file(path, shown):
    """The schemas in a file."""
    root = read(path, shown)
    return [Schema(node, shown) for node in (root.children if root.name == "schemas" else [root])]


class Checker:
    """Checks configurations; `component_of(binary name)` tells whose schema counts, None: unknown."""

    def __init__(self, schemas, shown, component_of):
        self.schemas, self.shown, self.component_of = schemas, shown, component_of
        self.problems = []

    def complain(self, node, text):
        self.problems.append(f"{self.shown}:{node.line}: {node}: {text}")

    def config(self, node, component):
        """A <config> of this component."""
        schema = self.schemas.get(component)
        if schema:
            self.element(node, schema.config)
        elif node.attributes or node.children or node.text.strip():
            self.complain(node, f'component "{component}" takes no configuration (it has no config.schema)')

    def element(self, node, element, parent_opt=None):
        if element.content == "config":
            self.child_config(node, parent_opt)
            return
        if element.content == "free":
            return
        self.attributes(node, element)
        self.children(node, element)
        if node.text.strip():
            self.complain(node, f'text "{node.text.strip()[:20]}" where only nodes are expected')

    def child_config(self, node, start):
        binary = next((child.get("name") for child in start.named("binary")), None) or start.get("name", "")
        component = self.component_of(binary)
        if component is not None:
            self.config(node, component)

    def attributes(self, node, element):
        known = {attribute.name: attribute for attribute in element.attributes()}
        for name, value in node.attributes.items():
            if name not in known:
                self.complain(node, f"unknown attribute '{name}', expected " +
                              (f"one of: {' '.join(known)}" if known else "none") + f" ({element.schema.path})")
            elif known[name].problem(value):
                self.complain(node, f'{name}="{value[:60]}": expected {known[name].problem(value)}')
        for name, attribute in known.items():
            if attribute.required and name not in node.attributes:
                self.complain(node, f"attribute '{name}' is missing: expected {attribute.expected()}")
        for part in element.parts():
            for rule, names in part.choices:
                given = [name for name in names if name in node.attributes]
                if len(given) > 1 or rule == "exactly-one" and not given:
                    self.complain(node, f"{rule.replace('-', ' ')} of these attributes is expected: {' '.join(names)}")

    def children(self, node, element):
        known = {child.name: child for child in element.elements()}
        for child in node.children:
            if child.name not in known:
                self.complain(child, f"unknown node in <{node.name}>, expected " +
                              (f"one of: {' '.join(known)}" if known else "none") + f" ({element.schema.path})")
            else:
                self.element(child, known[child.name], node)
        for name, child in known.items():
            count, (low, high) = len(node.named(name)), COUNTS[child.count]
            if count < low:
                self.complain(node, f"a <{name}> is missing")
            elif high and count > high:
                self.complain(node.named(name)[high], "given more often than once")
