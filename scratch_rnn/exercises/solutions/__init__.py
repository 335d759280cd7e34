"""The solutions of the exercises, one a file. What a student is given is made of it, and so is the judge.

In each file stand a task (the docstring), one plain function, HINTS and MISTAKES. A line of the function
whose comment is a number of docs/bptt.md is to be found by the student; all other lines are given. HINTS has
two for each number: where to look, and the rule to use. MISTAKES are wrong lines in place of right ones: the
name of the mistake (that of checks/known_bugs.py where it stands there), what it is, and the lines.
"""
