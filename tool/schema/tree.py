# SPDX-License-Identifier: MIT
"""The schemas of the tree: where they are, whether the code agrees with them, and what they look like in a README."""
import functools
import os
import re

from .document import Failure
from .model import load_file

SCHEMA_FILE = "config.schema"
BEGIN = "<!-- config.schema: begin; made by tool/check-config --readme -->"
END = "<!-- config.schema: end -->"
SKIPPED = {"build", ".git", "__pycache__"}
WORD = r'"([a-z][a-z0-9_-]*)"'
# Functions whose first argument with such a literal names an attribute or node.
ACCESS = re.compile(r"\b(?:xml_attribute\w*|xml_name_is|xml_\w+_named|config_number|read_\w+|only_attribute)\(")
NAME_TABLE = re.compile(r"\b\w*(?:names|attributes)\[\] = \{([^}]*)\}")
NODE_TABLE = re.compile(r'\{\s*"([a-z-]+)",\s*(?:"([^"]*)"|\w+),\s*(?:true|false),\s*read_')


def folders_with(root, wanted):
    for folder, children, names in os.walk(root):
        children[:] = sorted(child for child in children if child not in SKIPPED)
        if wanted in names:
            yield os.path.relpath(folder, root)


def load(root):
    """{component: Schema} of the whole tree."""
    found = {}
    for folder in folders_with(root, SCHEMA_FILE):
        path = os.path.join(folder, SCHEMA_FILE)
        for schema in load_file(os.path.join(root, path), path):
            if schema.component in found:
                raise Failure(f"{path}: component {schema.component} has a schema in {found[schema.component].path}")
            found[schema.component] = schema
    return found


# ---- code ----------------------------------------------------------------------------------------------------------


def split_arguments(text):
    """The arguments of a make or C call, whose opening parenthesis is behind us; up to the closing one."""
    depth, arguments, quoted = 0, [""], False
    for index, char in enumerate(text):
        if char == '"' and text[index - 1] != "\\":
            quoted = not quoted
        if not quoted:
            if char in "({[":
                depth += 1
            elif char in ")}]":
                depth -= 1
                if depth < 0:
                    break
            elif char == "," and depth == 0:
                arguments.append("")
                continue
        arguments[-1] += char
    return arguments


def expand_sources(text):
    """The words of a source list; $(addprefix P,LIST) is understood."""
    while "$(addprefix " in text:
        start = text.index("$(addprefix ")
        prefix, words = split_arguments(text[start + len("$(addprefix "):])[:2]
        length = len("$(addprefix ") + len(prefix) + 1 + len(words) + 1
        text = text[:start] + " ".join(prefix.strip() + word for word in words.split()) + text[start + length:]
    return text.split()


@functools.lru_cache(None)
def components(root):
    """{component: (folder, [source files])} from all component.mk files."""
    found = {}
    for folder in folders_with(root, "component.mk"):
        with open(os.path.join(root, folder, "component.mk"), encoding="utf-8") as file:
            text = file.read().replace("\\\n", " ")
        for name, value in re.findall(r"^(\w+) := (.*)$", text, re.MULTILINE):
            text = text.replace(f"$({name})", value)
        for match in re.finditer(r"\$\(call component,", text):
            name, sources = split_arguments(text[match.end():])[:2]
            files = [source[1:] if source.startswith("/") else os.path.join(folder, source)
                     for source in expand_sources(sources)]
            found[name.strip()] = (folder, files)
    return found


def names_in_code(text):
    """What the code reads: literals in calls that access nodes and attributes, and in tables of names."""
    found = set()
    for match in ACCESS.finditer(text):
        for argument in split_arguments(text[match.end():])[:4]:
            literals = re.findall(WORD, argument)
            if literals:
                found.update(literals)
                break
    for match in NAME_TABLE.finditer(text):
        found.update(re.findall(WORD, match[1]))
    for match in NODE_TABLE.finditer(text):
        found.add(match[1])
        found.update((match[2] or "").split())
    return found - {"config"}


def code_of(root, name):
    """The component's C sources in one text."""
    text = ""
    for file in components(root)[name][1]:
        if file.endswith(".c") and os.path.exists(os.path.join(root, file)):
            with open(os.path.join(root, file), encoding="utf-8") as source:
                text += source.read()
    return text


def check_code(root, schemas):
    """Problems: names that the code reads and the schema does not have, and the other way round."""
    problems = []
    for name, schema in schemas.items():
        if name not in components(root):
            problems.append(f"{schema.path}: no component.mk declares a component {name}")
            continue
        folder, code = components(root)[name][0], code_of(root, name)
        literals = set(re.findall(r"[a-z][a-z0-9_-]*", " ".join(re.findall(r'"([^"\n]*)"', code))))
        read = names_in_code(code)
        problems += [f"{schema.path}: the code in {folder} reads '{one}', which the schema does not know"
                     for one in sorted(read - schema.names())]
        problems += [f"{schema.path}: '{one}' is in the schema, but not in the code in {folder}"
                     for one in sorted(schema.names() - read - literals)]
    for name, (folder, _) in components(root).items():
        if name not in schemas and re.search(r"\bconfig_load\w*\(", code_of(root, name)):
            problems.append(f"{folder}: component {name} reads a configuration, but has no {SCHEMA_FILE}")
    return problems


# ---- README --------------------------------------------------------------------------------------------------------


def cell(text):
    return text.replace("|", "\\|")


def type_text(attribute):
    facets = attribute.facets
    if attribute.type == "enum":
        return " ".join(f"`{value}`" for value in facets["values"].split())
    text = {"string": "text", "boolean": "`yes` `no`"}.get(attribute.type, attribute.type)
    if attribute.type in ("number", "size") and ("min" in facets or "max" in facets):
        low, high = facets.get("min", "0"), facets.get("max")
        text += f", {low} to {high}" if high and high != low else f", at least {low}" if not high else f": {low}"
    if "multiple" in facets:
        text += f", a multiple of {facets['multiple']}"
    if facets.get("pattern") == ".+":
        text += ", not empty"
    elif "pattern" in facets:
        text += f" like `{facets['pattern']}`"
    if attribute.type == "string" and "max" in facets:
        text += f", at most {facets['max']} bytes"
    return text


def attribute_rows(part):
    for attribute in part.own_attributes:
        default = "required" if attribute.required else f"`{attribute.default}`" if attribute.default is not None else ""
        yield f"| `{attribute.name}` | {cell(type_text(attribute))} | {default} | {cell(attribute.doc)} |"


COUNT_TEXT = {"one": "one", "optional": "at most one", "many": "one or more", "any": "any number"}
CONTENT_TEXT = {"config": "content: by the child's own schema", "free": "content: anything"}


def element_rows(element, path):
    here = f"{path} <{element.name}>".strip()
    also = [f"and *{name}*" for name in element.uses] + [CONTENT_TEXT[text] for text in [element.content] if text]
    also += [f"{rule.replace('-', ' ')} of {' '.join(f'`{name}`' for name in names)}" for rule, names in element.choices]
    doc = "; ".join(part for part in [element.doc, *also] if part)
    yield f"| **`{here}`** | {COUNT_TEXT[element.count]} | | {cell(doc)} |"
    yield from attribute_rows(element)
    for child in element.own_elements:
        yield from element_rows(child, here)


def table(schema):
    """The section for a README, with its markers."""
    lines = [BEGIN, "", "| node, attribute | what | default | meaning |", "|---|---|---|---|"]
    lines += element_rows(schema.config, "")
    for group in schema.groups.values():
        lines.append(f"| ***{group.name}*** | | | {cell(group.doc)} |")
        lines += attribute_rows(group)
        for child in group.own_elements:
            lines += element_rows(child, "")
    return "\n".join(lines + ["", END])


def readme_of(schema):
    return os.path.join(os.path.dirname(schema.path), "README.md")


def with_table(text, schema):
    """The README's text with the present table; None without markers."""
    if BEGIN not in text or END not in text:
        return None
    return text[:text.index(BEGIN)] + table(schema) + text[text.index(END) + len(END):]


def check_readmes(root, schemas, write):
    """Problems; `write`: brings them up to date instead. Components of test/ need no table."""
    problems = []
    for schema in schemas.values():
        readme = readme_of(schema)
        if readme.startswith("test" + os.sep):
            continue
        try:
            with open(os.path.join(root, readme), encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            problems.append(f"{readme}: is missing; {schema.path} must be printed there")
            continue
        wanted = with_table(text, schema)
        if wanted is None:
            problems.append(f"{readme}: has no lines '{BEGIN}' and '{END}'")
        elif wanted != text and write:
            with open(os.path.join(root, readme), "w", encoding="utf-8") as file:
                file.write(wanted)
        elif wanted != text:
            problems.append(f"{readme}: differs from {schema.path}: run tool/check-config --readme")
    return problems
