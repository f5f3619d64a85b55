"""A conversation: each request carries all the turns before it. Needs `claude`, logged in."""

import asyncio

import litellm

import uutel_bridge

QUESTIONS = ("Name a river in Europe.", "Which countries does it cross?", "And which capitals?")


async def main() -> None:
    """Ask one question after the other; the process behind them stays warm."""
    uutel_bridge.register()
    messages = [{"role": "system", "content": "Be brief."}]
    for question in QUESTIONS:
        messages.append({"role": "user", "content": question})
        response = await litellm.acompletion("uutel/claude-code/sonnet", messages)
        answer = response.choices[0].message.content
        messages.append({"role": "assistant", "content": answer})
        print(f"> {question}\n{answer}\n")
    await uutel_bridge.aclose()


asyncio.run(main())
