package devstack

import "context"

// ChoosePostgres is what Start does to find Postgres, with other places to look in.
func ChoosePostgres(ctx context.Context, path string, folders []string, version int) (string, error) {
	program, err := choosePostgres(postgresBinaries(ctx, path, folders), version, "/data/postgres")
	return program.path, err
}

// ChooseRedis is what Start does to find Redis, with other places to look in.
func ChooseRedis(ctx context.Context, path string, folders []string) (string, error) {
	program, err := chooseRedis(ctx, path, folders)
	return program.path, err
}
