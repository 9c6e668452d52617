# The model's files. The downloader fetches them beside all other steps and compares each hash as it arrives.
$Done = { -not ($Manifest.files | Where-Object { $_.step -eq 'model' -and -not ((Test-Path $_.path) -and (Get-Item $_.path).Length -eq $_.bytes) }) }
$Do = { Wait-Download 'model' }
$Check = { if (-not (& $Done)) { throw 'files of the model are missing | Run it again: what is there is kept.' } }
