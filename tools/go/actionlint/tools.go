//go:build tools

// Package tools names the linter of the workflows, so that its version is pinned by go.mod.
package tools

import _ "github.com/rhysd/actionlint/cmd/actionlint"
