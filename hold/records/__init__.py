"""Records, models, recipes and plans as somebody else may have made them, and what reads them."""
