// Reads a log in a folder with the client code of the Go checksum database, and nothing of ours.
//
// Usage: log_client FOLDER VERIFIER-KEY OLD-SIZE OLD-ROOT INDEX PROOF-FILE
//
// It opens the checkpoint as a note, reads tiles by their C2SP paths, checks each against the root, proves the entry
// and that the log goes on from the older one by itself, and checks the proofs in our .tlog-proof file as well.
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A folder of tiles; x/mod puts the height of tiles into their paths, C2SP does not.
type folder string

func (f folder) Height() int                                { return 8 }
func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (f folder) path(t tlog.Tile) string {
	return filepath.Join(string(f), strings.Replace(t.Path(), "tile/8/", "tile/", 1))
}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		data, err := os.ReadFile(f.path(t))
		if err != nil && t.W < 256 {
			full := t
			full.W = 256
			data, err = os.ReadFile(f.path(full))
			if err == nil {
				data = data[:t.W*tlog.HashSize]
			}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (f folder) entry(index, size int64) []byte {
	t := tlog.Tile{H: 8, L: -1, N: index / 256, W: 256}
	if (t.N+1)*256 > size {
		t.W = int(size % 256)
	}
	path := strings.Replace(f.path(t), "tile/data/", "tile/entries/", 1)
	data, err := os.ReadFile(path)
	check(err)
	for at := int64(0); ; at++ {
		length := int(data[0])<<8 | int(data[1])
		if at == index%256 {
			return data[2 : 2+length]
		}
		data = data[2+length:]
	}
}

func open(text []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(text, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		check(fmt.Errorf("another origin"))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

func main() {
	where := folder(os.Args[1])
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	oldSize, err := strconv.ParseInt(os.Args[3], 10, 64)
	check(err)
	oldRoot, err := tlog.ParseHash(os.Args[4])
	check(err)
	index, err := strconv.ParseInt(os.Args[5], 10, 64)
	check(err)
	text, err := os.ReadFile(filepath.Join(os.Args[1], "checkpoint"))
	check(err)
	tree := open(text, verifier)

	hashes := tlog.TileHashReader(tree, where)
	root, err := tlog.TreeHash(tree.N, hashes)
	check(err)
	if root != tree.Hash {
		check(fmt.Errorf("another root"))
	}
	leaf := tlog.RecordHash(where.entry(index, tree.N))
	included, err := tlog.ProveRecord(tree.N, index, hashes)
	check(err)
	check(tlog.CheckRecord(included, tree.N, tree.Hash, index, leaf))
	goesOn, err := tlog.ProveTree(tree.N, oldSize, hashes)
	check(err)
	check(tlog.CheckTree(goesOn, tree.N, tree.Hash, oldSize, oldRoot))

	// Our proof, by the same code.
	file, err := os.ReadFile(os.Args[6])
	check(err)
	head, signed, _ := bytes.Cut(file, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" || lines[1] != fmt.Sprintf("index %d", index) {
		check(fmt.Errorf("another proof"))
	}
	var ours tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		check(err)
		ours = append(ours, hash)
	}
	claimed := open(signed, verifier)
	check(tlog.CheckRecord(ours, claimed.N, claimed.Hash, index, leaf))

	fmt.Printf("size %d\n", tree.N)
	for _, hash := range goesOn {
		fmt.Println(base64.StdEncoding.EncodeToString(hash[:]))
	}
}
