//go:build tools

// Package tools pins the Pulumi engine: its only import is the command that is built.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
