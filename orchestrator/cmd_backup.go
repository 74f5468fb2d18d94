package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/backup"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func backupCommand(w world) *cobra.Command {
	var dir, file, to string
	cmd := &cobra.Command{
		Use:   "backup --to FILE",
		Short: "Put the contest's state into one file, also while it runs",
		Long: `backup writes the state database as it stands at one moment, the embedded metrics
and the key of their writers into one compressed file. The contest may go on
meanwhile. The file holds that key: keep it where only organisers may read it.

A state in PostgreSQL (STATE_DATABASE_URL) is backed up with pg_dump.`,
		Example: "  hackload backup --state /var/lib/hackload --to /backups/monday.hackload",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := ownState(w, file)
			if err != nil {
				return err
			}
			return backUp(cmd.Context(), w, cmp.Or(dir, c.State.Dir), to)
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "state", "", "state `DIR` of the contest (default: as configured)")
	f.StringVar(&file, "config", "", "configuration `FILE`")
	f.StringVar(&to, "to", "", "write the new `FILE`")
	cobra.CheckErr(cmd.MarkFlagRequired("to"))
	return cmd
}

// ownState reads the configuration of a contest whose state is in a directory.
func ownState(w world, file string) (*config.Config, error) {
	c, err := loadConfig(w, file, nil)
	if err != nil {
		return nil, err
	}
	if c.State.DatabaseURL.Set() {
		return nil, usage(errors.New("the state is in PostgreSQL (STATE_DATABASE_URL), which this command does not copy"),
			"Back it up with pg_dump and restore it with pg_restore; without STATE_DATABASE_URL this command works on the state directory.")
	}
	return c, nil
}

func backUp(ctx context.Context, w world, dir, to string) error {
	m, err := backup.Write(ctx, dir, to, version())
	switch {
	case errors.Is(err, backup.ErrExists):
		return usage(err, "Name a new file with --to.")
	case errors.Is(err, fs.ErrNotExist):
		return usage(err, "Name the contest's state directory with --state, and a file in an existing directory with --to.")
	case errors.Is(err, backup.ErrNoRoom):
		return &exit{exitTrouble, err, "Make room there, or write to another disk: it takes the state twice while it works."}
	case err != nil:
		return trouble(err)
	}
	_, err = fmt.Fprintf(w.Stdout, "Backed up %s to %s: %d files, %s, schema version %d.\n", dir, to, len(m.Files), bytesText(m.Size()), m.Schema)
	return trouble(err)
}

func restoreCommand(w world) *cobra.Command {
	var dir, file, who string
	cmd := &cobra.Command{
		Use:   "restore FILE --state DIR",
		Short: "Make a state directory of a backup",
		Long: `restore checks a backup and unpacks it into DIR, which must be empty or missing.
The next 'serve' on DIR goes on from there: runs that were under way are measured
again, and every verdict is told to the Hub again when its team is measured next,
because nobody knows what the Hub was told after the backup.

Make sure that the contest the backup is of does not run elsewhere any more: two
would publish against each other.`,
		Example: "  hackload restore /backups/monday.hackload --state /var/lib/hackload",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := ownState(w, file); err != nil {
				return err
			}
			return restore(cmd.Context(), w, args[0], dir, who)
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "state", "", "state `DIR` to make")
	f.StringVar(&file, "config", "", "configuration `FILE`")
	f.StringVar(&who, "who", w.Getenv("USER"), "`NAME` of who restores, for the audit trail")
	cobra.CheckErr(cmd.MarkFlagRequired("state"))
	return cmd
}

func restore(ctx context.Context, w world, file, dir, who string) error {
	if who == "" {
		return usage(errors.New("it is not said who restores"), "Give --who NAME.")
	}
	m, err := backup.Restore(ctx, file, dir, who)
	switch {
	case errors.Is(err, backup.ErrNotEmpty), errors.Is(err, store.ErrInUse):
		return usage(err, "Name an empty or a new directory with --state.")
	case errors.Is(err, backup.ErrNewer):
		return usage(err, "Restore it with the hackload that wrote it, or a newer one.")
	case errors.Is(err, backup.ErrDamaged), errors.Is(err, backup.ErrForeign), errors.Is(err, fs.ErrNotExist):
		return usage(err, "Name a file that 'hackload backup' has written, and copy it again if it was cut off.")
	case errors.Is(err, backup.ErrNoRoom):
		return &exit{exitTrouble, err, "Make room there, or name a directory on another disk with --state."}
	case err != nil:
		return trouble(err)
	}
	_, err = fmt.Fprintf(w.Stdout, "Restored %s of %s into %s: %d files, %s. Start the contest on it with HACKLOAD_STATE_DIR=%s.\n",
		file, moment(&m.CreatedAt), dir, len(m.Files), bytesText(m.Size()), dir)
	return trouble(err)
}

// bytesText writes a number of bytes for people.
func bytesText(n int64) string {
	const mib = 1 << 20
	if n < mib {
		return fmt.Sprintf("%d KiB", (n+1023)>>10)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/mib)
}
