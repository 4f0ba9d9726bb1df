package main

import "context"

func (c *doctorCommand) invariants(context.Context) bool { return false }
