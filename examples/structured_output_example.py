"""An answer as an object of a class, streamed while it is made. Needs `claude`, logged in."""

import sys

import litellm
from pydantic import BaseModel

import uutel_bridge


class Recipe(BaseModel):
    """What the model is held to."""

    title: str
    minutes: int
    ingredients: list[str]


uutel_bridge.register()
question = sys.argv[1] if len(sys.argv) > 1 else "How do I make pancakes?"
text = ""
for chunk in litellm.completion(
    "uutel/claude-code/sonnet", [{"role": "user", "content": question}], response_format=Recipe, stream=True
):
    text += chunk.choices[0].delta.content or ""
    print(f"\r{len(text)} characters", end="")
recipe = Recipe.model_validate_json(text)
print(f"\n{recipe.title}: {recipe.minutes} minutes, {len(recipe.ingredients)} ingredients")
