"""A login as a server for any OpenAI client. Needs the extra `proxy`, and `claude`, logged in.

Usually `uutel-bridge serve` runs in a terminal of its own; here this program starts and ends it.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from openai import OpenAI

MODEL = "uutel/claude-code/sonnet"
KEY = f"sk-{secrets.token_urlsafe(32)}"  # whoever has it uses your login


@contextmanager
def serving() -> Iterator[str]:
    """The server's address, as soon as it answers."""
    command = [sys.executable, "-m", "uutel_bridge", "serve", "--port", "0"]
    environment = {**os.environ, "LITELLM_MASTER_KEY": KEY}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as server:
        told = ""
        for line in server.stderr:
            told += line
            if "Serving" in line:
                break
        else:
            sys.exit(told)
        try:
            yield next(word.rstrip(";") for word in line.split() if word.startswith("http"))
        finally:
            server.terminate()
            server.communicate()


with serving() as url:
    client = OpenAI(base_url=f"{url}/v1", api_key=KEY)
    print(", ".join(model.id for model in client.models.list()))

    question = [{"role": "user", "content": "Why is the sky blue?"}]
    for chunk in client.chat.completions.create(model=MODEL, messages=question, stream=True):
        print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()

    answer = client.responses.create(model=MODEL, input="And why is the grass green?")
    print(answer.output_text)
