"""The rules under which this server asks hosts of the outside: where it may go, and that it goes where was checked."""
