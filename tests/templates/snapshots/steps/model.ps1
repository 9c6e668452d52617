# The model's files. The downloader fetches them beside all other steps and compares each hash as it arrives. Of a file
# whose size the manifest does not know, the downloader has noted it.
$Done = {
    $noted = (Read-Json "$State\downloaded.json").files
    -not (Find-Downloads 'model' | Where-Object {
        $size = if ($_.bytes) { $_.bytes } else { $noted."$($_.id)".bytes }
        -not $size -or (Get-Item $_.path -ErrorAction SilentlyContinue).Length -ne $size
    })
}
$Do = { Wait-Download 'model' }
$Check = { if (-not (& $Done)) { throw (New-Trouble 'model.missing' 'files of the model are missing' 'Run pulumi up again: what is there is kept.') } }
