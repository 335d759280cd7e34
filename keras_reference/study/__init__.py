"""Studies: the same recipe again and again with other seeds, and what all runs together say.

plan.py        what is to be trained, from options or a study file
jobs.py        one training of it: a network, or a pair of twins, of one seed
worker.py      a process that computes jobs
workers.py     the engine: executors of this machine or of many, whose threads or ranks keep such processes
folder.py      what the folder of a study holds, and which jobs it lacks
progress.py    what is seen meanwhile
statistics.py  means, intervals and tests of equivalence
summary.py     what the finished jobs say, in numbers
tables.py, figures.py, page.py     the same for people
"""
