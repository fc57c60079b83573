// Package atomicfile is the only place that opens files for writing.
//
// A file is replaced whole: a temporary file beside it, mode 0600 whatever the
// umask, is written, synced and renamed, and the directory is synced after that.
// Readers see the old file or the new one; a writer that dies leaves at most a
// temporary file, which [Dir.Sweep] removes once its writer is gone.
//
// Nothing is written or read through a link, and what is opened is looked at
// before it is used: its type, owner, mode, number of links and size. A FIFO or a
// device in the place of a file never blocks. What must not be used is an [*Error]
// that says so, with the command that mends it where there is one.
//
// Owners, modes and links are those of Unix. Elsewhere only the type and the size
// are looked at, and the directory is not synced.
package atomicfile
