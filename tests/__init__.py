"""The tests of Rill."""
