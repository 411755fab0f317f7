"""NetHack and MiniHack: the games of the NetHack Learning Environment, with captions that language models can read."""
