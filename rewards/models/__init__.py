"""The models that judge: language models behind servers or in this process, and scripted ones."""
