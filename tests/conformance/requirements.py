"""What users may ask of a provider. The tests claim it, and the README's support matrix is printed from it.

`python -m tests.conformance.requirements` prints the matrix; with a file's name it is put into the file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from uutel_bridge.core import registry

MARKERS = ("<!-- support-matrix -->", "<!-- /support-matrix -->")


@dataclass(frozen=True)
class Requirement:
    """Something a user would ask for, true of every provider that is not excepted."""

    behavior: str
    """As the user sees it, one sentence."""
    source: str
    """Where the demand comes from."""
    not_on: Mapping[str, str] = field(default_factory=dict)
    """Providers that refuse it, with the reason."""
    absent_on: Mapping[str, str] = field(default_factory=dict)
    """Providers that have nothing to give; nobody asks for it, so there is nothing to refuse."""
    limited_on: Mapping[str, str] = field(default_factory=dict)
    """Providers that do it with a reservation."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """How to ask `litellm.acompletion` for it, where a provider refuses it."""

    def without(self, provider: str) -> str:
        """Why a provider does not keep it; empty where it does."""
        return self.not_on.get(provider) or self.absent_on.get(provider, "")


_OPENAI, _LITELLM, _VENDOR, _OURS = "OpenAI's API", "LiteLLM", "the vendor's API", "this project"

_on_claude, _on_codex, _on_gemini, _on_cloud = (
    partial(dict[str, str].fromkeys, [name]) for name in ("claude-code", "codex", "gemini-cli", "cloud-code")
)
_on_geminis = partial(dict[str, str].fromkeys, ["gemini-cli", "cloud-code"])
_on_clis = partial(dict[str, str].fromkeys, ["claude-code", "codex", "gemini-cli"])
_on_all = partial(dict[str, str].fromkeys, ["claude-code", "codex", "gemini-cli", "cloud-code"])


def _asking(part: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [part]}]}


def _calling(**params: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "weather"}}], **params}


_NO_SETTING = _on_codex("Codex has no setting for these")
_NO_SUCH_PARAMETER = _on_claude("Anthropic has none of these") | _NO_SETTING
_NO_LOGITS = _NO_SUCH_PARAMETER | _on_geminis("no logits")
_FORCED = _on_claude("a forced call is made without reasoning")
_NOT_FORCED = _on_codex("Codex cannot make the model call")
_SHUT_OUT = _on_clis("the CLI's own tools are shut out") | _on_cloud("the caller's functions alone")
_NO_HEARING = _on_claude("Claude takes and makes none of these") | _on_codex("Codex takes and makes none of these")
_NO_SPEECH = _NO_HEARING | _on_geminis("the model hears, and does not speak")
_NO_FILMS = _NO_HEARING | _on_geminis("no video")
_CUT = "one, in front, cut at its blank ends; three line feeds in a row are refused; for none, a neutral one"
_NONE_KEPT = _on_gemini("none is kept, for Gemini takes none back")
_ALL_KEPT = _on_codex("all of it is hidden, and kept") | _NONE_KEPT
_SIGNED = _on_cloud("thought signatures, on calls and texts")
_FETCHED = _on_codex("the bridge fetches what a link leads to") | _on_geminis("the bridge fetches what a link leads to")
_IN_WORDS = _on_claude("asked for in words") | _on_codex("asked for in words")
_NO_PRICE = {
    **_on_codex("tokens; Codex tells no price"),
    **_on_gemini("tokens; Gemini CLI tells no price"),
    **_on_cloud("tokens; Google tells no price"),
}
_ONE_PIECE = _on_gemini("each call in one piece, at the end") | _on_cloud("each call in one piece")
_ONE_AT_A_TIME = _on_codex("not one at a time") | _on_geminis("not one at a time")
_UNTOLD = _on_gemini("the CLI tells of no limit before it is reached") | _on_cloud("told when it is reached")
_IF_TOLD = _on_geminis("until when, if Google says so")
_PDF = "data:application/pdf;base64,JVBERi0xLjQKJSVFT0YK"

ROWS: Mapping[str, Mapping[str, Requirement]] = {
    "Answers whole and streamed, sync and async": {
        "text:whole": Requirement("An answer in one piece is the model's text, to the character.", _OPENAI),
        "text:streamed": Requirement("Pieces come as the model says them, complete and in order.", _OPENAI),
        "text:sync": Requirement("Sync calls give what async calls give, also inside a running loop.", _LITELLM),
        "text:finish-reason": Requirement(
            "Why the model stopped is told in OpenAI's words.",
            _OPENAI,
            limited_on=_on_gemini("no `content_filter`, and `length` only where `max_tokens` was asked for"),
        ),
        "text:one-request": Requirement("A call is one request to the model; nothing is asked on the side.", _OURS),
    },
    "Several choices (`n`), whole": {
        "choices:whole": Requirement("Each choice is an answer of its own.", _OPENAI),
    },
    "Several choices, streamed": {
        "choices:streamed": Requirement(
            "Several answers are streamed side by side.",
            _OPENAI,
            not_on=_on_all("LiteLLM cannot pass them on"),
            params={"n": 2, "stream": True},
        ),
    },
    "Usage and cost of each request": {
        "usage:tokens": Requirement("Tokens are the vendor's count, those from the cache named apart.", _OPENAI),
        "usage:cost": Requirement("The price is the vendor's own.", _LITELLM, absent_on=_NO_PRICE),
        "usage:model": Requirement(
            "An answer says which model gave it.",
            _LITELLM,
        ),
    },
    "Model names": {
        "models:names": Requirement(
            "A model goes by the CLI's alias or by its full name.",
            _LITELLM,
            limited_on={
                "claude-code": "`sonnet`, `opus`, `haiku`, `fable`, or any name the CLI takes",
                "codex": "`default`, `gpt-6.1-sol`, `gpt-5.5`, or any name that OpenAI takes",
                "gemini-cli": "`pro`, `flash`, `flash-lite`, or any name the CLI takes",
                "cloud-code": "`pro`, `flash`, `flash-lite`, or any name that Google takes",
            },
        ),
    },
    "The conversation, turn by turn": {
        "history:text": Requirement("Text is text wherever it stands: no command, no file, no character lost.", _OURS),
        "history:turns": Requirement("Roles, order and text reach the model as turns.", _OPENAI),
        "history:blank": Requirement(
            "Messages without text are turns, too.",
            _OPENAI,
            limited_on=_on_claude("blank text becomes `(no content)`") | _on_geminis("empty text becomes a space"),
        ),
        "history:isolated": Requirement("No request sees anything of another.", _OURS),
    },
    "System prompt": {
        "history:system": Requirement(
            "System and developer messages instruct the model.",
            _OPENAI,
            limited_on=_on_claude("one, in front, after two lines of the CLI's")
            | _on_codex("one, in front, as the developer's message")
            | _on_gemini(_CUT)
            | _on_cloud("one, in front"),
        ),
    },
    "Beginning the model's answer for it": {
        "history:prefill": Requirement(
            "The model goes on with an assistant message at the end.",
            _VENDOR,
            not_on=_on_all("the conversation must end with the user"),
            params={"messages": [{"role": "user", "content": "A"}, {"role": "assistant", "content": "{"}]},
        ),
    },
    "Long conversations": {
        "conversation:long": Requirement("Two hundred turns arrive like two.", _OURS),
        "conversation:too-long": Requirement("What does not fit is refused, never shortened.", _LITELLM),
    },
    "Prompt cache": {
        "cache:prefix": Requirement(
            "A growing conversation shares its prefix, byte by byte.",
            _VENDOR,
            limited_on=_on_codex("`prompt_cache_key` is another in each request"),
        ),
    },
    "Function tools, streamed as well": {
        "tools:calls": Requirement("Calls come back as the model made them, with the text before them.", _OPENAI),
        "tools:calls:streamed": Requirement(
            "Id and name come first, the arguments as they are written.", _OPENAI, limited_on=_ONE_PIECE
        ),
        "tools:schema": Requirement(
            "Descriptions and JSON Schemas arrive whole.",
            _OPENAI,
            limited_on=_on_codex("what Codex drops of a schema is told in words"),
        ),
        "tools:names": Requirement("Any legal name survives the round trip.", _OPENAI),
        "tools:isolated": Requirement("A request has exactly its own functions.", _OURS),
        "tools:loop": Requirement("An agent goes on, step by step, until it is done.", _OPENAI),
    },
    "Parallel calls, or one at a time": {
        "tools:parallel": Requirement("Several calls come in one answer, from one request.", _OPENAI),
        "tools:parallel:streamed": Requirement("Each of several streamed calls has its index.", _OPENAI),
        "tools:parallel:off": Requirement(
            "`parallel_tool_calls=False` is told to the model.",
            _OPENAI,
            not_on=_ONE_AT_A_TIME,
            params=_calling(parallel_tool_calls=False),
        ),
    },
    "`tool_choice`: auto, none, required, named": {
        "tools:choice:auto": Requirement("The model may call.", _OPENAI),
        "tools:choice:none": Requirement("The model must not call.", _OPENAI),
        "tools:choice:required": Requirement(
            "The model must call.",
            _OPENAI,
            not_on=_NOT_FORCED,
            limited_on=_FORCED,
            params=_calling(tool_choice="required"),
        ),
        "tools:choice:named": Requirement(
            "The model must call this function.",
            _OPENAI,
            not_on=_NOT_FORCED,
            limited_on=_FORCED,
            params=_calling(tool_choice={"type": "function", "function": {"name": "weather"}}),
        ),
    },
    "Results of calls, with images too": {
        "tools:history:results": Requirement("Results in any order reach the model paired with their calls.", _OPENAI),
        "tools:history:images": Requirement("A result may hold images.", _VENDOR),
        "tools:history:without": Requirement("The conversation may go on without functions.", _OPENAI),
    },
    "Tools that the vendor runs": {
        "tools:hosted": Requirement(
            "The vendor's own search or code execution is used.",
            _VENDOR,
            not_on=_SHUT_OUT,
            params={"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        ),
        "tools:web-search": Requirement(
            "`web_search_options` lets the model search.",
            _LITELLM,
            not_on=_SHUT_OUT,
            params={"web_search_options": {"search_context_size": "low"}},
        ),
    },
    "`response_format` with a JSON Schema or a pydantic class": {
        "format:json-schema": Requirement(
            "The vendor holds the model to the schema.",
            _OPENAI,
            limited_on=_on_codex("always strict, in OpenAI's sense"),
        ),
        "format:json-schema:streamed": Requirement("So it does in a stream.", _OPENAI),
        "format:pydantic": Requirement("A pydantic class is a schema, too.", _LITELLM),
        "format:tools": Requirement(
            "Functions and a form go together.", _OPENAI, limited_on=_on_geminis("with functions from Gemini 3 on")
        ),
    },
    "`response_format` json_object": {
        "format:json-object": Requirement("The answer is any JSON object.", _OPENAI, limited_on=_IN_WORDS),
    },
    "Images, by data URL or http(s) URL": {
        "media:image": Requirement("An image arrives byte for byte, in its place.", _OPENAI),
        "media:image-url": Requirement(
            "The model sees what an address leads to.",
            _OPENAI,
            limited_on=_FETCHED,
        ),
    },
    "PDF": {
        "media:pdf": Requirement(
            "A document arrives byte for byte, in its place.",
            _LITELLM,
            not_on=_on_codex("Codex takes no documents"),
            params=_asking({"type": "file", "file": {"file_data": _PDF}}),
        ),
    },
    "Sound, video, uploaded files": {
        "media:audio": Requirement(
            "The model hears.",
            _OPENAI,
            not_on=_NO_HEARING,
            params=_asking({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
        ),
        "media:audio:answer": Requirement(
            "The model speaks.", _OPENAI, not_on=_NO_SPEECH, params={"modalities": ["text", "audio"]}
        ),
        "media:video": Requirement(
            "The model sees films.",
            _LITELLM,
            not_on=_NO_FILMS,
            params=_asking({"type": "video_url", "video_url": {"url": "https://127.0.0.1/a.mp4"}}),
        ),
        "media:file-id": Requirement(
            "A file that was uploaded before goes by its id.",
            _OPENAI,
            not_on=_on_all("files go in the request"),
            params=_asking({"type": "file", "file": {"file_id": "file-1"}}),
        ),
    },
    "Reasoning: shown, switched, kept for the next request": {
        "reasoning:text": Requirement("What the model thinks is told apart from what it says.", _LITELLM),
        "reasoning:effort": Requirement(
            "How much to think can be asked for.",
            _OPENAI,
            limited_on=_on_all("`effort=`, or `reasoning_effort=` with `allowed_openai_params`"),
        ),
        "reasoning:switch": Requirement(
            "`thinking` switches it, in the vendor's words.",
            _LITELLM,
            not_on=_on_codex("summaries, no switch"),
            limited_on=_on_geminis("switched off on Gemini 2.5 Flash alone"),
            params={"extra_body": {"thinking": {"type": "disabled"}}},
        ),
        "reasoning:blocks": Requirement(
            "Blocks with their signatures go back to the model.", _LITELLM, absent_on=_NONE_KEPT, limited_on=_SIGNED
        ),
        "reasoning:blocks:hidden": Requirement("So do those that nobody can read.", _VENDOR, absent_on=_ALL_KEPT),
    },
    "`max_tokens`, `temperature`, `top_p`, `stop`": {
        f"parameters:{name}": Requirement(behavior, _OPENAI, not_on=_NO_SETTING, params={name: value})
        for name, behavior, value in (
            ("max_tokens", "The length is limited.", 100),
            ("temperature", "The temperature is set.", 0.5),
            ("top_p", "The nucleus is set.", 0.5),
            ("stop", "The model stops at these words.", ["END"]),
        )
    },
    "`seed`, `logprobs`, `logit_bias`, penalties": {
        f"parameters:{name}": Requirement(f"`{name}` takes effect.", _OPENAI, not_on=not_on, params={name: value})
        for name, value, not_on in (
            ("seed", 1, _NO_SUCH_PARAMETER),
            ("logprobs", True, _NO_LOGITS),
            ("logit_bias", {"50256": -100}, _NO_LOGITS),
            ("presence_penalty", 1.0, _NO_SUCH_PARAMETER),
            ("frequency_penalty", 1.0, _NO_SUCH_PARAMETER),
        )
    },
    "`timeout`, `api_key`, `api_base`, `drop_params`": {
        "parameters:timeout": Requirement("No call outlasts its timeout.", _LITELLM),
        "parameters:api_key": Requirement("A key in a call replaces the login for it.", _LITELLM),
        "parameters:api_base": Requirement("An address in a call replaces the vendor's for it.", _LITELLM),
        "parameters:dropped": Requirement("What is not supported is left out if the caller says so.", _LITELLM),
        "parameters:checked": Requirement("What cannot be right is refused by its name, at once.", _OPENAI),
    },
    "The plan's limits, told and reached": {
        "limits:windows": Requirement("An answer says how much of the plan is used.", _VENDOR, absent_on=_UNTOLD),
        "limits:reached": Requirement("A used-up plan says which limit and until when.", _LITELLM, limited_on=_IF_TOLD),
    },
    "Errors in LiteLLM's classes, retries, Router": {
        "errors:typed": Requirement("A failure has its class and the vendor's words.", _LITELLM),
        "errors:streamed": Requirement("A failing stream ends in the same failure.", _LITELLM),
        "errors:login": Requirement("Without a login the call says how to log in.", _OURS),
        "errors:retried": Requirement("A passing trouble is tried again, nothing else is.", _LITELLM),
        "errors:router": Requirement("The Router tries again and falls back.", _LITELLM),
    },
    "Many requests at once; cancelled ones end": {
        "processes:crowd": Requirement("A few processes, if any, serve a crowd, each its own answer.", _OURS),
        "processes:cancelled": Requirement("Who leaves takes the request along.", _OPENAI),
        "processes:ended": Requirement("No process outlives the program.", _OURS),
        "processes:failed": Requirement("Who fails to answer is an error, and the next request works.", _OURS),
    },
    "Sealed from the machine, and leaves no trace on it": {
        "sealed:environment": Requirement("Keys and switches that lie around are not the caller's.", _OURS),
        "sealed:home": Requirement("Settings, hooks, memory files and servers take no part.", _OURS),
        "sealed:disk": Requirement("Nothing of a conversation stays on disk or in a command line.", _OURS),
        "sealed:logs": Requirement("Logs hold no prompt, no answer, no token.", _OURS),
        "sealed:network": Requirement("The vendor is asked, and nobody else.", _OURS),
    },
}

REQUIREMENTS: Mapping[str, Requirement] = {
    name: requirement for row in ROWS.values() for name, requirement in row.items()
}


def refused_by(provider: str) -> dict[str, Mapping[str, Any]]:
    """How to ask a provider for each thing that it refuses, by requirement."""
    return {name: requirement.params for name, requirement in REQUIREMENTS.items() if provider in requirement.not_on}


def matrix() -> str:
    """The support matrix in Markdown: a row for people, a column for each provider."""
    names = registry.provider_names()
    lines = [
        ["", *(f"{registry.parts(name).title} (`uutel/{name}/...`)" for name in names)],
        ["---"] * (len(names) + 1),
        *([title, *(_cell(row.values(), name) for name in names)] for title, row in ROWS.items()),
    ]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cell(row: Iterable[Requirement], provider: str) -> str:
    row = list(row)
    missing = [remark for each in row if (remark := each.without(provider))]
    remarks = [*missing, *(each.limited_on[provider] for each in row if provider in each.limited_on)]
    verdict = "yes" if not missing else "no" if len(missing) == len(row) else "in part"
    return f"{verdict}: {'; '.join(dict.fromkeys(remarks))}" if remarks else verdict


def with_matrix(text: str) -> str:
    """The text with the matrix of today between the markers."""
    begin, end = MARKERS
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{matrix()}{end}{rest.partition(end)[2]}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(with_matrix(file.read_text(encoding="utf-8")), encoding="utf-8")
    if not sys.argv[1:]:
        sys.stdout.write(matrix())
