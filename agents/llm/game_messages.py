"""What the small judge is taught: sentences that NetHack says, and what each is worth. Change the tables at will.

A sentence is a template; ``{monster}``, ``{item}`` and the other slots of ``SLOTS`` stand for what changes. One table
thus writes messages, recognises them and labels them. The worth of a sentence is a whole number:

=====  ==================================================================================
 3     a milestone: the lock opens, the key is in the pack, the stairs are reached, the next level
 2     a clear gain: a kill, an item taken, put on or put to use, a door opened
 1     a chance: something useful is seen or found, something gives way, a monster is hit
 0     nothing either way: questions of the interface, the pet, facts
-1     wasted: a wall, a missed blow, an action that cannot be done
-2     harm: bitten, trapped, cursed, something lost
-3     the end of the adventurer
=====  ==================================================================================

A message of several sentences is worth what its weightiest sentence is, the better one of two that weigh the same, and
it is *helpful* when it is worth more than 0. The worths are our own opinion of what brings an adventurer on, written
down before anything was trained; no paper gives such a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SLOTS: Mapping[str, str] = {
    "monster": r"[A-Za-z' -]{2,40}",
    "item": r"[^.!?]{2,80}",
    "thing": r"[A-Za-z0-9' -]{2,40}",
    "letters": r"[^\]]{1,40}",
    "verb": r"[a-z ]{2,30}",
    "word": r"[A-Za-z' -]{2,20}",
    "number": r"[0-9]{1,3}",
    "letter": r"[A-Za-z$]",
}
"""What a slot may hold when a message is recognised, as a regular expression without groups."""

FILLERS: Mapping[str, tuple[str, ...]] = {
    "monster": (
        "newt", "jackal", "sewer rat", "grid bug", "giant rat", "fox", "lichen", "kobold", "goblin", "hill orc",
        "gnome", "gnome lord", "dwarf", "acid blob", "kobold zombie", "ogre", "red naga", "ice troll", "minotaur",
        "giant beetle", "hobbit", "cave spider", "water nymph", "iguana", "floating eye", "homunculus", "imp",
        "soldier ant", "wolf", "jaguar", "rothe", "lizard", "giant bat", "orc zombie", "centipede", "green mold",
    ),
    "item": (
        "a dagger", "an apple", "a jeweled wand", "a scroll labeled ZELGO MER", "a diamond ring", "a horn",
        "a pair of hiking boots", "a robe", "a concave amulet", "a swirly potion", "a crude dagger", "an orange",
        "4 gold pieces", "a food ration", "a leather armor", "a small shield", "a long sword", "a newt corpse",
        "an iron wand", "a steel wand", "a clear potion", "a spellbook", "a tin", "a mattock",
        "an uncursed scroll of teleportation", "27 uncursed rocks", "a +1 club", "a bow", "3 arrows", "a murky potion",
        "an iron ring", "a candy bar", "a battle-axe", "a helmet", "a pair of old gloves", "a clove of garlic",
        "a torch",
    ),
    "thing": ("club", "long sword", "dagger", "leather armor", "sling", "glass wand", "horn", "lance", "robe"),
    "letters": ("abcde or ?*", "e or ?*", "*", "- ab or ?*", "fghi or ?*", "a-g or ?*", "cd or ?*", "- bcd or ?*"),
    "verb": ("adjust", "wear", "rub", "invoke", "wield", "throw", "ready", "remove", "tip", "dip", "eat", "write with"),
    "word": ("Agent", "Ishtar", "Mitra", "Odin", "Anu", "Huan Ti"),
    "number": ("2", "3", "4", "7", "12"),
    "letter": ("a", "b", "d", "f", "g", "h", "k"),
}  # fmt: skip
"""What the slots of the messages that are made up for training hold."""

HELD_OUT_FILLERS: Mapping[str, tuple[str, ...]] = {
    **FILLERS,
    "monster": ("hill giant", "quasit", "brown mold", "werejackal", "owlbear", "gargoyle", "leprechaun", "pony"),
    "item": (
        "a runed wand", "a mace", "a cloudy potion", "a scroll labeled FOOBIE BLETCH", "an emerald ring", "a banana",
        "a pair of snow boots", "a splint mail", "an oval amulet", "a lamp", "11 uncursed daggers", "a crossbow",
    ),
}  # fmt: skip
"""What they hold in the messages that the judge is only measured on."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the game.

    Args:
        template: The sentence, with slots in braces.
        worth: What it is worth, -3 to 3.
        achieves: The names of the ``SUBGOALS`` that it shows to be achieved.
    """

    template: str
    worth: int
    achieves: tuple[str, ...] = ()


def _worth(worth: int, *templates: str, achieves: tuple[str, ...] = ()) -> tuple[Sentence, ...]:
    return tuple(Sentence(template, worth, achieves) for template in templates)


SENTENCES: tuple[Sentence, ...] = (
    # Milestones.
    *_worth(3, "You succeed in unlocking the door.", "You succeed in picking the lock.", achieves=("unlock",)),
    *_worth(
        3, "The key named The Master Key of Thievery whispers: You succeed in unlocking the door.", achieves=("unlock",)
    ),
    *_worth(3, "{letter} - a key.", "{letter} - a key named The Master Key of Thievery.", achieves=("key", "take")),
    *_worth(3, "{letter} - a skeleton key.", "{letter} - a lock pick.", achieves=("key", "take")),
    *_worth(3, "You climb down the stairs.", "You enter the next level.", achieves=("stairs",)),
    *_worth(3, "Welcome to experience level {number}.", "You feel more experienced.", "You feel very experienced."),
    *_worth(3, "{letter} - the Amulet of Yendor.", "You have the Amulet of Yendor!", achieves=("take",)),
    # Clear gains.
    *_worth(
        2, "You kill the {monster}!", "You destroy the {monster}!", "You kill it!", "You kill the poor {monster}!",
        achieves=("kill",),
    ),
    *_worth(2, "The {monster} is killed!", "The {monster} dies.", "The {monster} falls into the lava!"),
    *_worth(2, "{letter} - {item}.", "You have a little trouble lifting {item}.", achieves=("take",)),
    *_worth(2, "The door opens.", "The door swings open.", "WHAMM! The door crashes open!", achieves=("open",)),
    *_worth(2, "As you kick the door, it crashes open!", "This door is broken.", achieves=("open",)),
    *_worth(
        2, "This orange is delicious!", "This apple is delicious!", "That food really hit the spot!",
        "You finish eating the {monster} corpse.", "That satiated your stomach!", "You finish your meal.",
        achieves=("eat",),
    ),
    *_worth(1, "You begin praying to {word}.", achieves=("pray",)),
    *_worth(2, "You are surrounded by a shimmering light.", achieves=("pray",)),
    *_worth(2, "You feel that {word} is well-pleased.", "You feel much better.", achieves=("pray",)),
    *_worth(2, "You float up, out of the water!", "You start to float in the air!", "Up, up, and awaaaay!",
            achieves=("levitate",)),
    *_worth(2, "You are now wearing {item}.", "You finish your dressing maneuver.", achieves=("wear",)),
    *_worth(2, "{letter} - {item} (being worn).", achieves=("wear",)),
    *_worth(2, "{letter} - {item} (weapon in hand).", "{letter} - {item} (weapon in hands).",
            "{letter} - {item} (wielded).", achieves=("wield",)),
    *_worth(2, "You are now wielding {item}.", "You are now wielding the {monster} corpse.", achieves=("wield",)),
    *_worth(2, "{letter} - {item} (on left hand).", "{letter} - {item} (on right hand).", achieves=("put on",)),
    *_worth(2, "As you read the scroll, it disappears.", "You read the scroll.", achieves=("read",)),
    *_worth(2, "You feel like someone is helping you.", "Your {thing} glows silver.",
            "You have a strange feeling for a moment, then it passes."),
    *_worth(2, "The lava cools and solidifies.", "The water freezes.", "The bolt of cold bounces!", achieves=("zap",)),
    *_worth(2, "The wand glows and fades.", "You zap the wand.", "The {monster} is hit by the force bolt!",
            achieves=("zap",)),
    *_worth(2, "The sleep ray hits the {monster}.", "The magic missile hits the {monster}!", achieves=("zap",)),
    *_worth(2, "You push the boulder into the water. Now you can cross it!", "The boulder fills a pit.",
            "You push the boulder into the lava. Now you can cross it!", "The boulder sinks into the water!"),
    # Chances.
    *_worth(1, "You see here a key.", "You see here a key named The Master Key of Thievery.",
            "You see here a skeleton key."),
    *_worth(1, "You see here {item}.", "There are several objects here.", "You see here several objects."),
    *_worth(1, "There is a staircase down here.", "There is a ladder down here.", achieves=("stairs",)),
    *_worth(1, "There is an open door here.", "There is a doorway here.", "You find a hidden door.",
            "You find a hidden passage.", "You find a secret door."),
    *_worth(1, "With great effort you move the boulder.", "You hit the {monster}.", "You hit the {monster}!",
            "You smite the {monster}!", "You hit it.", "You stab the {monster}!"),
    *_worth(1, "You hear a door open.", "You hear the footsteps of a guard on patrol.", "You hear bubbling water."),
    *_worth(1, "There is a fountain here.", "There is a sink here.", "There is an altar to {word} here."),
    *_worth(1, "You pull free from the {monster}.", "You can move again.", "You crawl to safety.",
            "You escape a {word} trap.", "You escape a trap door.", "You crawl to the edge of the pit."),
    *_worth(1, "Your leg feels better.", "You feel a bit steadier now.", "You feel better.", "You can see again."),
    # Nothing either way.
    *_worth(
        0, "What do you want to {verb}? [{letters}]", "What do you want to use or apply? [{letters}]",
        "In what direction?",
        "Adjust letter to what [{letters}] (? see used letters)?", "Are you sure you want to pray? [yn] (n)",
        "Never mind.", "There is a staircase up here.", "The stairs are solidly fixed to the floor.",
        "You swap places with your little dog.", "You swap places with your kitten.",
        "You stop. Your little dog is in the way!", "You stop. Your kitten is in the way!",
        "The little dog picks up {item}.", "The little dog drops {item}.", "The {monster} picks up {item}.",
        "The {monster} wields {item}!", "Moving: {letter} - {item}.", "Swapping: {letter} - {item}.",
        "Unlock it? [yn] (n)", "Lock it? [yn] (n)", "There is {item} here; eat it? [ynq] (n)", "Autopickup: OFF.",
        "Talk to whom? (in what direction)", "This door is locked.", "That door is closed.", "The {monster} misses!",
        "The {monster} just misses!", "You hear a chugging sound.", "You hear the splashing of a naiad.",
        "You are wielding that. Ready it instead? [ynq] (q)",
        "That is your alternate weapon. Ready it instead? [ynq] (q)",
        "You are wielding {item}. Ready {number} of them? [ynq] (q)", "Are you sure you want to pray? [yn] (n) n",
        "Beware, there will be no return! Still climb? [yn] (n) n", "The kitten drops {item}.",
        "The {monster} suddenly disappears!",
        "Your {thing} remains wielded.", "Your {thing} remains as secondary weapon.",
        "You finish taking off your suit.",
        "Collecting {letter} - {item}.", "{letter} - {item} (at the ready).", "You are empty handed.",
        "{letter} - {item} (in quiver pouch).", "{letter} - {item} (alternate weapon; not wielded).",
        "Hello {word}, welcome to NetHack!", "You see no objects here.", "You hear some noises.", "It is dark here.",
    ),
    # Wasted.
    *_worth(
        -1, "It's a wall.", "It's solid stone.", "It's a tree.", "There is nothing here to pick up.",
        "Nothing happens.",
        "What a strange direction!", "You don't have that object.", "You are not wearing an amulet.",
        "You cannot adjust gold.", "No count allowed with this command.", "You are not using any tools.",
        "You can't go down here.", "You can't go up here.", "You see no door there.",
        "You don't know any spells right now.",
        "Your face is already clean.", "You don't find anything here to loot.", "You don't have anything to eat.",
        "You don't have anything to read.", "You don't have anything to drink.",
        "You don't have anything to use or apply.",
        "You don't have anything else to wear.", "You don't have anything else to put on.", "You kick at empty space.",
        "That is a silly thing to {verb}.", "Having fun sitting on the floor?", "Having fun sitting on the ground?",
        "You cannot {verb} gold.", "Your wallet is empty.", "You are not wearing any rings.",
        "You are not wearing that.",
        "You cannot pass through the bars.", "You miss the {monster}.", "I can't see a trap there.",
        "You decide not to force the issue.", "You can't jump very far.", "You are not standing on an altar.",
        "Not wearing any armor or accessories.", "You try to move the boulder, but in vain.",
        "Perhaps that's why you cannot move it.", "You cannot eat that!", "You sit on the stairs.",
        "You stop at the edge of the lava.", "You can't move diagonally into an intact doorway.",
        "You can't move diagonally out of an intact doorway.", "Sorry, I don't know how to use that.",
        "Unknown command '{word}'.", "You are carrying too much to get through.", "This door is already open.",
        "This door is already closed.", "You fail to pick the lock.", "You stop unlocking the door.", "WHAMM!",
        "You have a little trouble lifting that.", "You wrest nothing.", "You have no secondary weapon readied.",
        "Invalid direction for '{letter}' prefix.", "You know of no traps there.", "I see nobody there.",
        "You drop {item}.",
        "Wait! There's something there you can't see!", "You don't have a special ability in your normal form!",
        "You don't know how to turn undead!", "You can't wear that!", "You can't fight downward.",
        "You cannot wield that!",
        "You harmlessly attack solid rock.", "You don't have anything to dip {item} into.",
        "You can't move at yourself.",
        "You sit on the {thing}. It's not very comfortable...", "A {monster} blocks your path.",
        "You cannot ready that!",
        "You are already wielding that!", "You can't force anything with that weapon.",
        "You are not wearing any armor.",
        "You cannot reach the floor.", "You don't have enough stamina to move.", "There is nothing to open here.",
    ),
    # Harm.
    *_worth(
        -2, "The {monster} bites!", "The {monster} hits!", "The {monster} stings!", "The {monster} touches you!",
        "The {monster} claws you!", "You get zapped!", "Ouch! That hurts!", "You cannot escape from the {monster}!",
        "The {monster} swings her club. The {monster} hits!", "You are hit by {item}.", "You are hit by a boulder!",
        "A black glow surrounds you.", "You feel that {word} is displeased.", "\"Thou must relearn thy lessons!\"",
        "You feel foolish!", "You can't. It is cursed.", "The blast of fire hits you!", "The bolt of cold hits you!",
        "You fall into a pit!", "You land on a set of sharp iron spikes!", "A trap door opens up under you!",
        "A bear trap closes on your foot!", "You are caught in a bear trap.", "You are still in a pit.",
        "A board beneath you squeaks loudly.", "You are stuck to the web.", "You stumble into a spider web!",
        "You fall into the water! You sink like a rock.", "You try to crawl out of the water.",
        "Pheew! That was close.",
        "You are beginning to feel hungry.", "You are fainting from lack of food.", "You are slowing down.",
        "You feel weaker.", "You feel very sick.", "You are blinded by the flash!", "You fall asleep.",
        "You feel feverish.",
        "Your armor turns to dust and falls to the floor!", "Your leather armor smoulders!",
        "Your potion boils and explodes!",
        "The {monster} stole {item}.", "You have a sad feeling for a moment, then it passes.", "You fall through...",
        "A cloud of gas puts you to sleep!", "A little dart shoots out at you!", "An arrow shoots out at you!",
    ),
    # The end.
    *_worth(
        -3, "You die...", "You drown.", "You fall into the lava! You burn to a crisp.", "You starve to death.",
        "You burn to a crisp.", "You turn to stone...", "Do you want your possessions identified? [ynq] (n)",
        "You choke over your food.", "You die from your illness.",
    ),
)  # fmt: skip
"""What the judge is trained on."""

HELD_OUT_SENTENCES: tuple[Sentence, ...] = (
    *_worth(3, "You unlock the door.", "The lock clicks and the door is unlocked.", achieves=("unlock",)),
    *_worth(3, "You pick up the key.", "You now have a key.", achieves=("key", "take")),
    *_worth(3, "You walk down the stairs to the next level.", achieves=("stairs",)),
    *_worth(2, "You slay the {monster}!", "The {monster} is destroyed!", achieves=("kill",)),
    *_worth(2, "You open the door.", "The door is now open.", achieves=("open",)),
    *_worth(2, "You pick up {item}.", "You take {item}.", achieves=("take",)),
    *_worth(2, "This food ration is delicious!", "You finish eating the food ration.", achieves=("eat",)),
    *_worth(2, "You start to float up in the air.", achieves=("levitate",)),
    *_worth(1, "There is {item} here.", "You find {item} here.", "You see a staircase down here."),
    *_worth(1, "You find a hidden staircase.", "You strike the {monster}!", "You move the boulder."),
    *_worth(-1, "It's a stone wall.", "There is nothing here.", "You can't go there.", "You cannot wear that!"),
    *_worth(-1, "You don't have anything to zap.", "You don't have anything to throw.", "You miss it."),
    *_worth(-2, "The {monster} kicks!", "The {monster} bites you!", "You are hit by an arrow!",
            "You fall into a trap!"),
    *_worth(-2, "You are stuck in a bear trap.", "The {monster} hits you!", "You feel that {word} is angry."),
    *_worth(-3, "You die in the lava...", "You drown in the water.", "You die from hunger."),
)  # fmt: skip
"""Wordings that the judge never sees in training, in words that it mostly knows; it is measured on them."""

SUBGOALS: Mapping[str, tuple[str, ...]] = {
    "key": ("pick up the key", "get the key", "take the key", "pick up a key", "find the key and pick it up"),
    "unlock": ("unlock the door", "unlock a door", "open the lock of the door", "use the key on the door"),
    "open": ("open the door", "open a door", "get through the door by opening it"),
    "stairs": ("reach the stairs", "go to the stairs", "find the stairs down", "reach the staircase",
    "go down the stairs"),
    "kill": ("kill a monster", "kill the monster", "defeat a monster", "defeat the enemy", "slay a monster"),
    "take": ("pick up an item", "pick up an object", "take something from the floor", "collect an item"),
    "eat": ("eat something", "eat the food", "eat a meal", "eat the apple"),
    "pray": ("pray", "pray to the god", "pray at the altar"),
    "wear": ("wear the armor", "put on armor", "wear something", "put on the boots"),
    "wield": ("wield a weapon", "wield the weapon", "take a weapon in hand"),
    "put on": ("put on the ring", "put on a ring", "put on the amulet"),
    "read": ("read the scroll", "read a scroll", "read something"),
    "zap": ("zap the wand", "zap a wand", "use the wand"),
    "levitate": ("levitate", "float in the air", "start to float over the water"),
}  # fmt: skip
"""Goals that a caption may show to be achieved, by name, in the words of training."""

HELD_OUT_SUBGOALS: Mapping[str, tuple[str, ...]] = {
    "key": ("collect the key", "have the key in the pack"),
    "unlock": ("get the door unlocked", "unlock the locked door"),
    "open": ("get the door open",),
    "stairs": ("get to the stairs", "find the staircase"),
    "kill": ("slay the monster", "kill an enemy"),
    "take": ("take an item", "pick something up"),
    "eat": ("eat an apple", "eat food"),
    "wear": ("wear armor",),
    "read": ("read the scroll on the floor",),
    "zap": ("use a wand",),
}
"""Other words for them, on which the judge is measured."""
