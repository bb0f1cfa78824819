package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/millrace/millrace/internal/sql/catalog"
)

// What is wrong with a command line is said in one line, as all errors are: what,
// where, and the nearest name there is.

// exactly takes as many arguments as there are names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s needs %s: %s", called(c), names[len(args)], c.UseLine())
		case len(args) > len(names):
			return fmt.Errorf("%s takes no argument '%s': %s", called(c), args[len(names)], c.UseLine())
		}
		return nil
	}
}

// atLeastOne takes one argument or more.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s needs %s: %s", called(c), name, c.UseLine())
		}
		return nil
	}
}

// knownCommand is for commands that only have others below them.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	return fmt.Errorf("%s has no command '%s'%s; there are: %s", called(c), args[0], didYouMean(args[0], names, ""), strings.Join(names, ", "))
}

// called is a command as it was asked for, without the program's name, which stands
// in front of every error.
func called(c *cobra.Command) string { return strings.TrimPrefix(c.CommandPath(), "millrace ") }

func showHelp(c *cobra.Command, _ []string) error { return c.Help() }

// flagError adds the nearest option to what is said of an unknown one.
func flagError(c *cobra.Command, err error) error {
	const unknown = "unknown flag: --"
	name, ok := strings.CutPrefix(err.Error(), unknown)
	if !ok {
		return fmt.Errorf("%s: %w", called(c), err)
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return fmt.Errorf("%s has no option --%s%s; %s --help lists them", called(c), name, didYouMean(name, names, "--"), c.CommandPath())
}

func didYouMean(name string, names []string, prefix string) string {
	if n := catalog.Nearest(name, names); n != "" {
		return "; did you mean '" + prefix + n + "'?"
	}
	return ""
}
