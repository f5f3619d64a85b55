"""The files that `gemini` 0.61.0 keeps of its sessions, below `.gemini` of its home."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
import uuid
from typing import Any

from _acp_history import FIRST_ID
from _acp_options import home

Record = dict[str, Any]
_LOCK = threading.Lock()
LOCKED = 0.5
"""Seconds that a lock somebody left behind holds up the start; with the real one it is 13 to 26."""


def now() -> str:
    """The time as it stands in a record."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime()) + f"{time.time_ns() // 1_000_000 % 1000:03d}Z"


def wait_for_lock() -> bool:
    """Whether a lock was there; it is taken away."""
    lock = f"{home()}/.gemini/projects.json.lock"
    if not os.path.isdir(lock):  # noqa: PTH112 -- pathlib costs start-up time
        return False
    time.sleep(LOCKED)
    os.rmdir(lock)  # noqa: PTH106 -- pathlib costs start-up time
    return True


def folder_of(cwd: str) -> str:
    """Where the files of the project in this folder are; made, and entered in `projects.json`, if it is new."""
    registry = f"{home()}/.gemini/projects.json"
    with _LOCK:
        projects = dict((_read_json(registry) or {}).get("projects") or {})
        if cwd not in projects:
            base = re.sub(r"[^a-z0-9]+", "-", os.path.basename(cwd).lower()).strip("-") or "project"  # noqa: PTH119 -- pathlib costs start-up time
            taken, number = set(projects.values()), 0
            while (slug := base if not number else f"{base}-{number}") in taken:
                number += 1
            projects[cwd] = slug
            _write(registry, json.dumps({"projects": projects}, indent=2))
        folder = f"{home()}/.gemini/tmp/{projects[cwd]}"
        os.makedirs(f"{folder}/chats", exist_ok=True)  # noqa: PTH103 -- pathlib costs start-up time
        if not os.path.exists(f"{folder}/.project_root"):  # noqa: PTH110 -- pathlib costs start-up time
            _write(f"{folder}/.project_root", cwd)
    return folder


def context(folder: str) -> str:
    """What the CLI says first of all."""
    told = (
        "This is the Gemini CLI. We are setting up the context for our chat.",
        f"Today's date is {time.strftime('%A, %B %-d, %Y')} (formatted according to the user's locale).",
        "My operating system is: linux",
        f"The project's temporary directory is: {folder}",
    )
    return "<session_context>\n" + "\n".join(told) + "\n\n\n\n</session_context>"


def _read_json(name: str) -> Any:
    try:
        with open(name, "rb") as file:  # noqa: PTH123 -- pathlib costs start-up time
            return json.load(file)
    except (OSError, ValueError):
        return None


def _write(name: str, text: str) -> None:
    os.makedirs(os.path.dirname(name), exist_ok=True)  # noqa: PTH103, PTH120 -- pathlib costs start-up time
    with open(name, "w", encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
        file.write(text)


class SessionFile:
    """One session's file; every line that is added is written at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: list[Record] = []

    @classmethod
    def fresh(cls, folder: str, session: str, *, begun: int = 2) -> SessionFile:
        """A new one, with the CLI's own first message; `begun`: how often, for that of a session is begun twice."""
        made = cls(f"{folder}/chats/session-{time.strftime('%Y-%m-%dT%H-%M', time.gmtime())}-{session[:8]}.jsonl")
        first = {"id": FIRST_ID, "timestamp": now(), "type": "user", "content": [{"text": context(folder)}]}
        root = hashlib.sha256(folder.encode()).hexdigest()
        for _ in range(begun):
            made._add({
                "sessionId": session,
                "projectHash": root,
                "startTime": now(),
                "lastUpdated": now(),
                "kind": "main",
            })
            made._add({"$set": {"messages": [first], "lastUpdated": now()}})
        made.messages = [first]
        return made

    @classmethod
    def found(cls, folder: str, session: str) -> SessionFile | None:
        """The one whose first line names this session, whatever its own name; None: there is none."""
        chats = f"{folder}/chats"
        for name in sorted(os.listdir(chats), reverse=True):  # noqa: PTH208 -- pathlib costs start-up time
            if name.startswith("session-") and name.endswith(".jsonl"):
                held = cls(f"{chats}/{name}")
                if held._read(session):
                    held._add({"$set": {"sessionId": session}})
                    return held
        return None

    def _read(self, session: str) -> bool:
        try:
            with open(self.name, encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
                rows = [json.loads(line) for line in file if line.strip()]
        except (OSError, ValueError):  # it may just have been removed
            return False
        if not rows or rows[0].get("sessionId") != session:
            return False
        by_id: dict[str, Record] = {}
        for row in rows[1:]:
            if "messages" in (row.get("$set") or {}):
                by_id = {each["id"]: each for each in row["$set"]["messages"]}
            elif "type" in row:
                by_id[row["id"]] = row
        self.messages = list(by_id.values())
        return True

    def say(self, parts: list[Record]) -> None:
        """What the user says."""
        self._take({"id": str(uuid.uuid4()), "timestamp": now(), "type": "user", "content": parts})

    def answer(self, text: str, thoughts: list[Record], tokens: Record | None, model: str) -> None:
        """What the model said."""
        told = {"content": text, "thoughts": thoughts, "tokens": tokens, "model": model}
        self._take({"id": str(uuid.uuid4()), "timestamp": now(), "type": "gemini", **told})

    def call(self, record: Record) -> None:
        """A call of the model's last answer that is over: the answer is written once more."""
        last = self.messages[-1]
        last["toolCalls"] = [*last.get("toolCalls", []), record]
        self._add(last)

    def take_back(self, count: int) -> None:
        """So many messages are as if they had never been."""
        self.messages = self.messages[:count]
        self._add({"$set": {"messages": self.messages, "lastUpdated": now()}})

    def _take(self, message: Record) -> None:
        self.messages.append(message)
        self._add(message)
        self._add({"$set": {"lastUpdated": message["timestamp"]}})

    def _add(self, record: Record) -> None:
        with open(self.name, "a", encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
