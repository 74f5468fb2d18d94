package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func exportCommand(w world) *cobra.Command {
	r := &remote{world: w}
	var file string
	cmd := &cobra.Command{
		Use: "export --csv FILE", Short: "Write the results as a table for spreadsheets", Args: cobra.NoArgs,
		Example: "  hackload export --csv results.csv\n  hackload export --csv - | head",
		RunE: func(cmd *cobra.Command, _ []string) error {
			table, err := r.read(cmd.Context(), apiPath("results.csv"), nil)
			if err != nil {
				return err
			}
			if !bytes.HasPrefix(bytes.TrimPrefix(table, []byte("\ufeff")), []byte("rank,")) {
				return strange(errors.New("it is no table of results"))
			}
			if file == "-" {
				_, err := w.Stdout.Write(table)
				return trouble(err)
			}
			if err := os.WriteFile(file, table, 0o644); err != nil {
				return usage(fmt.Errorf("write results: %w", err), "Name another file with --csv, or - for standard output.")
			}
			return nil
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&file, "csv", "", "write to `FILE`; - is standard output")
	cobra.CheckErr(cmd.MarkFlagRequired("csv"))
	return cmd
}
