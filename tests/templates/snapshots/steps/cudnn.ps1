# cuDNN from NVIDIA's open archive, copied into the toolkit; a small file there says that all of it is. Where the power
# has damaged that one, the mark of the finished step says so.
$Proves = $true
$Toolkit = "$env:ProgramFiles\NVIDIA GPU Computing Toolkit\CUDA\v11.8"
$Whole = "$Toolkit\chatglm-cudnn.txt"
$Done = { ((Read-Text $Whole) -eq 'whole' -or (Read-Text "$State\done\cudnn") -eq $Row.key) -and (Get-Item "$Toolkit\bin\cudnn64_8.dll" -ErrorAction SilentlyContinue).Length }
$Do = {
    Wait-Download 'cudnn'
    $folder = "$Root\downloads\cudnn"
    Remove-Item $folder -Recurse -Force -ErrorAction SilentlyContinue
    $null = New-Item -ItemType Directory -Force $folder
    # Several times faster than Expand-Archive.
    $code = Invoke-Native 'tar.exe' "-xf $((Find-Downloads 'cudnn').path) -C $folder --strip-components 1" 'cudnn' 20
    if ($code -ne 0) { throw (New-Trouble 'cudnn.archive' 'the cuDNN archive does not unpack ({0})' 'Is there room on the disk?' $code) }
    foreach ($part in 'bin', 'include', 'lib') { Copy-Item "$folder\$part" $Toolkit -Recurse -Force }
    Save-Text $Whole 'whole'
    Remove-Item $folder -Recurse -Force
}
$Check = { if (-not (& $Done)) { throw (New-Trouble 'cudnn.missing' 'cudnn64_8.dll is missing' 'See the end of the log.') } }
