# What the R peers share: the data of a problem, the timing, the record. The same steps as protocol.py.
# Arguments: DATA.raw OUT.json. DATA.raw: int32 cases, alternatives, coefficients, number of nests and their sizes;
# then doubles: the design (coefficients fastest), chosen (from 1), availability (cases x alternatives).

seconds <- function() as.numeric(Sys.time())

megabytes <- function(key) {
  lines <- tryCatch(readLines("/proc/self/status"), error = function(e) character(0))
  line <- grep(key, lines, value = TRUE)
  if (length(line)) as.numeric(gsub("[^0-9]", "", line[1])) / 1024 else NA
}

read_problem <- function(path) {
  con <- file(path, "rb")
  on.exit(close(con))
  head <- readBin(con, "integer", 4L, 4L)
  n <- head[1]; width <- head[2]; k <- head[3]
  nests <- if (head[4] > 0) readBin(con, "integer", head[4], 4L) else integer(0)
  x <- matrix(readBin(con, "double", n * width * k), ncol = k, byrow = TRUE)
  colnames(x) <- paste0("c", seq_len(k) - 1)
  chosen <- readBin(con, "double", n)
  there <- readBin(con, "double", n * width)
  frame <- data.frame(case = rep(seq_len(n), each = width), alternative = rep(seq_len(width), n),
                      chosen = rep(seq_len(width), n) == rep(chosen, each = width), x)
  list(frame = frame[there == 1, ], names = colnames(x), nests = nests)
}

as_json <- function(value) {
  if (is.character(value)) return(paste0('"', gsub('[\\\\"[:cntrl:]]', " ", value), '"'))
  text <- ifelse(is.finite(value), format(as.numeric(value), digits = 17, trim = TRUE), "NaN")
  if (length(value) == 1) text else paste0("[", paste(text, collapse = ","), "]")
}

# prepare(problem) -> model input; fit(that) -> result with its covariance; found(result) -> list(llf, estimates, errors)
run_peer <- function(package, prepare, fit, found) {
  arguments <- commandArgs(TRUE)
  began <- seconds()
  suppressPackageStartupMessages(library(package, character.only = TRUE))
  import <- seconds() - began
  problem <- read_problem(arguments[1])
  invisible(gc())
  start <- megabytes("VmRSS")
  prep <- numeric(0); fits <- numeric(0); result <- NULL; message <- ""
  for (round in 1:2) {
    done <- tryCatch({
      began <- seconds(); model <- prepare(problem)
      ready <- seconds(); result <- fit(model)
      prep <- c(prep, ready - began); fits <- c(fits, seconds() - ready); TRUE
    }, error = function(e) { message <<- conditionMessage(e); FALSE })
    if (!done || tail(fits, 1) > 240) break
  }
  record <- list(status = as_json(if (is.null(result)) "failed" else "ok"), message = as_json(message),
                 version = as_json(as.character(packageVersion(package))), import_s = as_json(import),
                 start_mb = as_json(start), peak_mb = as_json(megabytes("VmHWM")),
                 prep_s = paste0("[", paste(prep, collapse = ","), "]"),
                 fit_s = paste0("[", paste(fits, collapse = ","), "]"))
  if (!is.null(result)) record <- c(record, lapply(found(result), as_json))
  writeLines(paste0("{", paste0('"', names(record), '":', unlist(record), collapse = ","), "}"), arguments[2])
}
