"""Bodies simulated by MuJoCo, and tasks that are said in a sentence and seen in a picture."""
