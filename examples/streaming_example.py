"""An answer printed as it comes, in a thread that waits and in an asyncio program. Needs `claude`, logged in."""

import asyncio

import litellm

import uutel_bridge

MODEL = "uutel/claude-code/sonnet"


def count() -> None:
    """The sync form: a plain loop."""
    stream = litellm.completion(MODEL, [{"role": "user", "content": "Count from one to ten."}], stream=True)
    for chunk in stream:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()


async def recite() -> None:
    """The async form. `aclose()` gives the process back at once, also where the answer is not read to its end."""
    stream = await litellm.acompletion(
        MODEL,
        [{"role": "user", "content": "Recite a long poem."}],
        stream=True,
        stream_options={"include_usage": True},
    )
    try:
        async for chunk in stream:
            if chunk.choices:
                print(chunk.choices[0].delta.content or "", end="", flush=True)
            if usage := getattr(chunk, "usage", None):
                print(f"\n{usage.completion_tokens} tokens")
    finally:
        await stream.aclose()


uutel_bridge.register()
count()
asyncio.run(recite())
