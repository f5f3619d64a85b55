"""Who is logged in, a key in place of a login, and what to do where neither is there. Needs `claude`."""

import os
import subprocess
import sys

import litellm

import uutel_bridge

# What is known without asking anybody. No token is ever in it.
for provider in uutel_bridge.status():
    if provider.problem:
        print(f"{provider.name}: {provider.problem}")
    else:
        print(f"{provider.name}: logged in by {provider.login.method}, found in {provider.login.source}")

# `api_key` pays for this one call; where it is None the CLI's login does. An ANTHROPIC_API_KEY that merely lies in the
# environment is never used in its place.
uutel_bridge.register()
question = [{"role": "user", "content": "Say hello."}]
try:
    answer = litellm.completion("uutel/claude-code/sonnet", question, api_key=os.environ.get("TEAM_ANTHROPIC_KEY"))
except litellm.AuthenticationError as error:
    sys.exit(str(error))  # which says what to type: claude auth login
print(answer.choices[0].message.content, flush=True)

# A closer look: the CLI's version, its own word on the login, and what mends what is wrong.
subprocess.run([sys.executable, "-m", "uutel_bridge", "doctor"], check=False)
