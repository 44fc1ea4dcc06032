// Package house holds the tree to the rules of the house: which package may import which, that every package says
// what it is for, that documents link to things that exist. Each rule carries its reason, which is what a person who
// breaks it gets to read.
package house
