"""Writes golden.json and constructs.json: every template here and every construct of
constructs.txt, rendered by Jinja2 with the settings of Transformers.

python3 render.py [folder of further templates]: with a folder nothing is written but to stdout.
"""

import datetime
import json
import pathlib
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

NOW = datetime.datetime(2026, 3, 7, 15, 4, 5)


class Generation(jinja2.ext.Extension):
    """{% generation %}: marks what the model wrote; nothing else."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_same")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _same(self, caller):
        return caller()


class Refused(Exception):
    pass


def refuse(message):
    raise Refused(message)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
        )

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = refuse
    env.globals["strftime_now"] = NOW.strftime
    return env


def say(role, content):
    return {"role": role, "content": content}


TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks up a \"word\" in é.",
        "parameters": {
            "type": "object",
            "properties": {"word": {"type": "string"}, "most": {"type": "integer", "default": 3}},
            "required": ["word"],
        },
    },
}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "id": "abcdefghi",
            "type": "function",
            "function": {"name": "look_up", "arguments": {"word": "mass", "most": 2}},
        }
    ],
}
RESULT = {"role": "tool", "name": "look_up", "tool_call_id": "abcdefghi", "content": "12.5 mg"}
USER = say("user", "  What is\nthe mass? ")
SYSTEM = say("system", " Be brief.\n")
ANSWER = say("assistant", "\nIt is <b>12.5</b> mg. ")
THOUGHT = say("assistant", "<think>\nI look it up.\n</think>\n\nIt is 12.5 mg.")

CASES = {
    "a question": ([USER], {}),
    "a question, nothing to write": ([USER], {"add_generation_prompt": False}),
    "a system prompt": ([SYSTEM, USER], {}),
    "a conversation": ([USER, ANSWER, say("user", "Sure?")], {}),
    "a conversation with a system prompt, at its end": (
        [SYSTEM, USER, ANSWER],
        {"add_generation_prompt": False},
    ),
    "two questions": ([USER, USER], {}),
    "an answer first": ([ANSWER, USER], {}),
    "two system prompts": ([SYSTEM, SYSTEM, USER], {}),
    "a thought": ([USER, THOUGHT, say("user", "Sure?")], {}),
    "a thought at the end": ([USER, THOUGHT], {"add_generation_prompt": False}),
    "no thinking": ([USER], {"enable_thinking": False}),
    "no thinking by a word": ([say("system", "Be brief. /no_think"), USER], {}),
    "tools": ([SYSTEM, USER], {"tools": [TOOL, TOOL]}),
    "tools without a system prompt": ([USER], {"tools": [TOOL]}),
    "a tool's answer": ([USER, CALL, RESULT], {"tools": [TOOL]}),
    "two tools' answers": ([USER, CALL, RESULT, RESULT, ANSWER, USER], {"tools": [TOOL]}),
    "parts": ([{"role": "user", "content": [{"type": "text", "text": " a "}]}], {}),
    "thinking": ([USER], {"thinking": True}),
    "controls": ([USER], {"controls": {"length": "short"}}),
    "documents": ([USER], {"documents": [{"doc_id": 7, "text": "The mass is 12.5 mg."}]}),
}


def rendered(template, messages, options):
    variables = {
        "messages": messages,
        "tools": None,
        "documents": None,
        "add_generation_prompt": True,
        "bos_token": "<s>",
        "eos_token": "</s>",
        **options,
    }
    case = {"variables": variables}
    try:
        case["expected"] = environment().from_string(template).render(variables)
    except Refused as e:
        case["refused"] = str(e)
    except Exception:
        case["fails"] = True
    return case


def main():
    here = pathlib.Path(__file__).parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here
    golden = [
        {"template": path.stem, "case": name, **rendered(path.read_text(), messages, options)}
        for path in sorted(folder.glob("*.jinja"))
        for name, (messages, options) in CASES.items()
    ]
    text = json.dumps(golden, ensure_ascii=False, indent=1) + "\n"
    if folder == here:
        (here / "golden.json").write_text(text)
        constructs = (here / "constructs.txt").read_text().split("\n====\n")
        cases = []
        for each in constructs:
            case = rendered(each, [say("system", "s"), say("user", "u")], {})
            del case["variables"]
            cases.append({"template": each, **case})
        text = json.dumps(cases, ensure_ascii=False, indent=1) + "\n"
        (here / "constructs.json").write_text(text)
    else:
        print(text)


main()
