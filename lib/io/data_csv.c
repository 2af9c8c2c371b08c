#include "io/data.h"
int data_read_hdf5(struct data_table *train, struct data_table *test, const char *path, dmft_error *err) { (void)train; (void)test; return data_error(err, path, "no reader"); }
int data_read_npy(struct data_table *train, const char *path, dmft_error *err) { (void)train; return data_error(err, path, "no reader"); }
int data_read_csv(struct data_table *train, const char *path, size_t c, dmft_error *err) { (void)train;(void)c; return data_error(err, path, "no reader"); }
