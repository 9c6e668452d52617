"""`chatglm doctor`: everything that could stop a launch or a park, looked at before money is spent."""
