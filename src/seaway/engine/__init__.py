"""Use cases: one method for each verb a user has. Turns, undo, and the order of effects."""
