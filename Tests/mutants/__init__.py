"""`make mutants`: do the tests notice when the code is broken?"""
