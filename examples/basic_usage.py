"""One question, one answer, what it used, and what can go wrong. Needs `claude`, logged in."""

import sys

import litellm

import uutel_bridge

uutel_bridge.register()
try:
    response = litellm.completion(
        model="uutel/claude-code/sonnet",
        messages=[
            {"role": "system", "content": "Answer in one sentence."},
            {"role": "user", "content": "Why is the sky blue?"},
        ],
        max_tokens=200,
        timeout=60,
    )
except litellm.AuthenticationError as error:
    sys.exit(f"Log in first. {error}")
except litellm.RateLimitError as error:
    sys.exit(f"The plan's limit is reached. {error}")

print(response.choices[0].message.content)
print(f"{response.usage.prompt_tokens} tokens in, {response.usage.completion_tokens} out, ${response.usage.cost:.5f}")
