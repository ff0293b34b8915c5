"""Files of events as somebody else may have made them: valid ones, and such as are hostile on purpose."""
