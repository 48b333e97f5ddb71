"""Tests of hyperdist; a package, so that its modules never shadow the standard library."""
