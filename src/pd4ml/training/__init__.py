"""Training: recipes as data, and the loop that follows them.

Importing this room loads neither torch nor Lightning: ``pd4ml.training.network`` loads torch, ``fit`` both.
"""

from pd4ml.training.recipe import Constant, OneCycle, Plateau, Recipe, Steps, available_recipes, load_recipe

__all__ = ["Constant", "OneCycle", "Plateau", "Recipe", "Steps", "available_recipes", "load_recipe"]
