// Package config resolves flags, environment and config file into typed values
// that remember where each came from. It is the only importer of Viper and knows
// fields, not vendors.
package config
