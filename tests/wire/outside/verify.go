// Verifies a log's folder with golang.org/x/mod/sumdb/{note,tlog} and nothing of Hesuan's.
//
//	verify FOLDER VERIFIER-KEY [OLDER-CHECKPOINT]
//
// The checkpoint must open under the key; every tile must lead to its root; every entry of every bundle, hashed,
// must be the record that the tiles have; an older checkpoint's tree must be a beginning of this one.
// Exit code 0: accepted; 1: refused, with the reason.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type folder struct{ root string }

func (f folder) Height() int                              { return height }
func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range tiles {
		// sumdb writes tile/<height>/<level>/…; C2SP tlog-tiles, whose height is always 8, leaves it out.
		path := "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
		data, err := os.ReadFile(filepath.Join(f.root, path))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", path, len(data))
		}
		read = append(read, data)
	}
	return read, nil
}

func main() {
	if err := verify(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Println("REFUSED:", err)
		os.Exit(1)
	}
}

func verify(root, key string, older []string) error {
	tree, origin, err := open(filepath.Join(root, "checkpoint"), key)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, folder{root})
	if err := entries(root, tree, reader); err != nil {
		return err
	}
	for _, path := range older {
		before, _, err := open(path, key)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, before.N, reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash); err != nil {
			return err
		}
		fmt.Println("consistent with", before.N)
	}
	fmt.Println("ACCEPTED:", origin, tree.N)
	return nil
}

func open(path, key string) (tlog.Tree, string, error) {
	var tree tlog.Tree
	text, err := os.ReadFile(path)
	if err != nil {
		return tree, "", err
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tree, "", err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tree, "", err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tree, "", fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, "", err
	}
	hash, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || copy(tree.Hash[:], hash) != tlog.HashSize {
		return tree, "", fmt.Errorf("the root %q is none", lines[2])
	}
	return tree, lines[0], nil
}

func entries(root string, tree tlog.Tree, reader tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += 1 << height {
		width := tree.N - first
		if width > 1<<height {
			width = 1 << height
		}
		tile := tlog.Tile{H: height, L: 0, N: first >> height, W: int(width)}
		path := "tile/entries/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/0/", height))
		data, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		var wanted []int64
		var found []tlog.Hash
		for n := first; n < first+width; n++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return fmt.Errorf("%s ends inside entry %d", path, n)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			found = append(found, tlog.RecordHash(data[2:end]))
			wanted = append(wanted, tlog.StoredHashIndex(0, n))
			data = data[end:]
		}
		if len(data) != 0 {
			return fmt.Errorf("%s has %d bytes after its entries", path, len(data))
		}
		stored, err := reader.ReadHashes(wanted)
		if err != nil {
			return err
		}
		for place := range stored {
			if stored[place] != found[place] {
				return fmt.Errorf("entry %d is not what the tree has", first+int64(place))
			}
		}
	}
	return nil
}
