"""One name for three vendors: where the first cannot answer, the same conversation goes on with the next.

A plan's limit is the common reason: the Router leaves that vendor alone until its reset time, and then comes back to
it. Needs at least one of `claude`, `codex` and `gemini`, logged in.
"""

import litellm

import uutel_bridge

MODELS = ("uutel/claude-code/sonnet", "uutel/codex/default", "uutel/gemini-cli/flash")
QUESTIONS = ("Name a river in Europe.", "Which countries does it cross?")

uutel_bridge.register()
router = litellm.Router(
    [
        {"model_name": "any", "litellm_params": {"model": model, "order": order}}
        for order, model in enumerate(MODELS, start=1)
    ],
    num_retries=len(MODELS) - 1,
)
messages = [{"role": "system", "content": "Be brief."}]
for question in QUESTIONS:
    messages.append({"role": "user", "content": question})
    response = router.completion("any", messages)
    answer = response.choices[0].message
    messages.append(answer)
    print(f"> {question}\n{response.model}: {answer.content}\n")
