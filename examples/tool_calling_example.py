"""An agent: the model calls functions of this program until it knows the answer. Needs `claude`, logged in."""

import json
import sys

import litellm

import uutel_bridge

CITIES = {"Oslo": "rain, 7 degrees", "Rome": "sun, 19 degrees"}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather in a city, now.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def weather(arguments: str) -> str:
    """What the model gets to read; that something is wrong with its call, too."""
    try:
        city = json.loads(arguments)["city"]
    except (ValueError, KeyError) as error:
        return f"These are no good arguments: {error}"
    return CITIES.get(city, f"Nothing is known of {city}.")


uutel_bridge.register()
question = sys.argv[1] if len(sys.argv) > 1 else "Where is it warmer, in Oslo or in Rome?"
messages = [{"role": "user", "content": question}]
while True:
    answer = litellm.completion("uutel/claude-code/sonnet", messages, tools=TOOLS).choices[0].message
    if not answer.tool_calls:
        break
    messages.append(answer.model_dump(exclude_none=True))  # with its reasoning, which the model gets back
    for call in answer.tool_calls:  # the model may make several at once
        told = weather(call.function.arguments)
        print(f"  {call.function.name}({call.function.arguments}): {told}")
        messages.append({"role": "tool", "tool_call_id": call.id, "content": told})
print(answer.content)
