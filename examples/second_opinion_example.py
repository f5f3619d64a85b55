"""One conversation, two vendors: Codex looks over what Claude Code said. Needs `claude` and `codex`, logged in."""

import litellm

import uutel_bridge

uutel_bridge.register()
messages = [{"role": "user", "content": "Write a regular expression for a date in ISO 8601."}]
first = litellm.completion("uutel/claude-code/sonnet", messages).choices[0].message
print(f"Claude Code: {first.content}\n")

messages += [first, {"role": "user", "content": "Is that right? Which dates would slip through?"}]
second = litellm.completion(
    "uutel/codex/default", messages, reasoning_effort="low", allowed_openai_params=["reasoning_effort"]
)
print(f"Codex: {second.choices[0].message.content}")
